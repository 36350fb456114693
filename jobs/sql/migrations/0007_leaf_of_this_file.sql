-- A leaf is about the file that its row names now: where another upload has taken its place since the report was gathered,
-- the leaf is refused, as it is for a file that was given up. The job gathers again.

CREATE OR REPLACE FUNCTION jobs.hold_file() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    held techdengue.evidence_file;
BEGIN
    SELECT f.* INTO held
      FROM techdengue.evidence_file AS f
     WHERE f.municipio_cod_ibge = NEW.municipio_cod_ibge AND f.evidencia_id = NEW.evidencia_id
       FOR SHARE;
    IF FOUND AND held.object_key <> NEW.object_key THEN
        RAISE EXCEPTION 'the file of evidencia % is another one by now: no report can be about this', NEW.evidencia_id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF FOUND AND held.status = 'deleted' THEN
        RAISE EXCEPTION 'the file of evidencia % was given up: no report can be about it', NEW.evidencia_id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END
$$;
