-- What the cleaning jobs have done, file by file, and how far each of them is: written before anything goes.

CREATE TABLE jobs.deleted_file (
    deletion_id        bigint      NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    municipio_cod_ibge text        NOT NULL COLLATE "C",
    evidencia_id       text        NOT NULL COLLATE "C",
    object_key         text        NOT NULL COLLATE "C",
    thumbnail_key      text        COLLATE "C",
    size_bytes         bigint      NOT NULL,
    hash_sha256        text        NOT NULL COLLATE "C",
    run_id             uuid        NOT NULL,
    given_up_at        timestamptz NOT NULL,
    gone_at            timestamptz,
    refusals           integer     NOT NULL DEFAULT 0
);
CREATE INDEX deleted_file_pending ON jobs.deleted_file (deletion_id) WHERE gone_at IS NULL;
CREATE INDEX deleted_file_of_evidencia ON jobs.deleted_file (municipio_cod_ibge, evidencia_id);
COMMENT ON TABLE jobs.deleted_file IS
    'Files of deleted evidence. given_up_at: from then on nobody may use it; gone_at: the object store has deleted it. refusals: '
    'how often the store kept it.';

CREATE TABLE jobs.archived_report (
    report_id        uuid        NOT NULL PRIMARY KEY REFERENCES jobs.report (report_id),
    from_bucket      text        NOT NULL,
    to_bucket        text        NOT NULL,
    object_keys      text[]      NOT NULL COLLATE "C",
    run_id           uuid        NOT NULL,
    archived_at      timestamptz NOT NULL,
    original_gone_at timestamptz
);
CREATE INDEX archived_report_pending ON jobs.archived_report (report_id) WHERE original_gone_at IS NULL;
COMMENT ON TABLE jobs.archived_report IS
    'Reports whose files are in the archive, compared with their checksums; the originals go after that.';

CREATE TABLE jobs.archived_requests (
    partition   text        NOT NULL COLLATE "C",
    part        integer     NOT NULL CHECK (part > 0),
    bucket      text        NOT NULL,
    object_key  text        NOT NULL COLLATE "C",
    first_id    bigint      NOT NULL,
    last_id     bigint      NOT NULL,
    rows        bigint      NOT NULL CHECK (rows > 0),
    size_bytes  bigint      NOT NULL,
    sha256      bytea       NOT NULL CHECK (octet_length(sha256) = 32),
    run_id      uuid        NOT NULL,
    archived_at timestamptz NOT NULL,
    dropped_at  timestamptz,
    PRIMARY KEY (partition, part)
);
COMMENT ON TABLE jobs.archived_requests IS
    'Parts of the request log in the archive: zstd of a JSON object a line, in the order of ids. dropped_at: their partition '
    'is no longer in the database.';

ALTER TABLE jobs.deleted_file ENABLE ROW LEVEL SECURITY;
ALTER TABLE jobs.deleted_file FORCE ROW LEVEL SECURITY;
CREATE POLICY tenants_of_the_reader ON jobs.deleted_file FOR SELECT TO techdengue_reader USING (
    (SELECT current_setting('eventstore.tenants', true)) = '*' OR municipio_cod_ibge =
    ANY (string_to_array((SELECT current_setting('eventstore.tenants', true)), ',')));
CREATE POLICY jobs_work ON jobs.deleted_file TO techdengue_jobs USING (true) WITH CHECK (true);
GRANT SELECT ON jobs.deleted_file TO techdengue_reader;
GRANT SELECT, INSERT, UPDATE ON jobs.deleted_file, jobs.archived_report, jobs.archived_requests TO techdengue_jobs;


-- A leaf and the giving up of its file exclude one another: a leaf locks the file's row, and finds it in place.

CREATE FUNCTION jobs.hold_file() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    held techdengue.evidence_file;
BEGIN
    SELECT f.* INTO held
      FROM techdengue.evidence_file AS f
     WHERE f.municipio_cod_ibge = NEW.municipio_cod_ibge AND f.evidencia_id = NEW.evidencia_id
       FOR SHARE;
    IF FOUND AND held.status = 'deleted' AND held.object_key = NEW.object_key THEN
        RAISE EXCEPTION 'the file of evidencia % was given up: no report can be about it', NEW.evidencia_id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END
$$;
REVOKE ALL ON FUNCTION jobs.hold_file FROM PUBLIC;
CREATE TRIGGER leaf_holds_its_file BEFORE INSERT ON jobs.report_leaf FOR EACH ROW EXECUTE FUNCTION jobs.hold_file();


-- Vacuuming by who owns nothing: PostgreSQL has a right for it from 17 up; before, the job needs a login of its own
-- (TECHDENGUE_MAINTENANCE_DATABASE_URL). Tables that are made later have it too: partitions, and projections built anew.

DO $$
BEGIN
    IF current_setting('server_version_num')::integer >= 170000 THEN
        EXECUTE 'GRANT MAINTAIN ON ALL TABLES IN SCHEMA eventstore, techdengue, projections, projections_next, jobs '
                'TO techdengue_jobs';
        EXECUTE 'ALTER DEFAULT PRIVILEGES IN SCHEMA eventstore, techdengue, projections, projections_next, jobs '
                'GRANT MAINTAIN ON TABLES TO techdengue_jobs';
    END IF;
END
$$;
