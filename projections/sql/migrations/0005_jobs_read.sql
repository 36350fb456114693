-- Background jobs read every projection, in every município; also one that a rebuild will put in a table's place.

CREATE OR REPLACE FUNCTION projections.guard(guarded regclass, written_by_intake boolean) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', guarded);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', guarded);
    EXECUTE format(
        'CREATE POLICY tenants_of_the_reader ON %s FOR SELECT USING ('
        '(SELECT current_setting(''eventstore.tenants'', true)) = ''*'' OR municipio_cod_ibge = '
        'ANY (string_to_array((SELECT current_setting(''eventstore.tenants'', true)), '','')))', guarded
    );
    EXECUTE format('CREATE POLICY projector_writes ON %s TO techdengue_projector USING (true) WITH CHECK (true)', guarded);
    EXECUTE format('GRANT SELECT ON %s TO techdengue_reader', guarded);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO techdengue_projector', guarded);
    IF written_by_intake THEN
        EXECUTE format('CREATE POLICY intake_writes ON %s TO techdengue_intake USING (true) WITH CHECK (true)', guarded);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE ON %s TO techdengue_intake', guarded);
    END IF;
    EXECUTE format('CREATE POLICY jobs_read ON %s FOR SELECT TO techdengue_jobs USING (true)', guarded);
    EXECUTE format('GRANT SELECT ON %s TO techdengue_jobs', guarded);
END
$$;

DO $$
DECLARE
    guarded regclass;
BEGIN
    FOR guarded IN
        SELECT c.oid::regclass
          FROM pg_catalog.pg_class AS c
          JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
          JOIN projections.definition AS d ON d.name = c.relname
         WHERE n.nspname IN ('projections', 'projections_next') AND c.relkind = 'r'
    LOOP
        EXECUTE format('CREATE POLICY jobs_read ON %s FOR SELECT TO techdengue_jobs USING (true)', guarded);
        EXECUTE format('GRANT SELECT ON %s TO techdengue_jobs', guarded);
    END LOOP;
END
$$;

GRANT USAGE ON SCHEMA projections TO techdengue_jobs;
GRANT SELECT ON projections.log, projections.definition TO techdengue_jobs;
