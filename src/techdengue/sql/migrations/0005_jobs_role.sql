-- The role of background jobs: reads the log, the heads and what is operational here, in every município; writes only what
-- later migrations grant it by name.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'techdengue_jobs') THEN
        BEGIN
            CREATE ROLE techdengue_jobs NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS NOREPLICATION;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;  -- created in the meantime by another database's migration
        END;
    END IF;
END
$$;

GRANT USAGE ON SCHEMA eventstore, techdengue TO techdengue_jobs;
GRANT SELECT ON eventstore.event, eventstore.stream, eventstore.lane, eventstore.checkpoint TO techdengue_jobs;
CREATE POLICY jobs_read ON eventstore.event FOR SELECT TO techdengue_jobs USING (true);
CREATE POLICY jobs_read_heads ON eventstore.stream FOR SELECT TO techdengue_jobs USING (true);
GRANT SELECT ON techdengue.migration, techdengue.device, techdengue.sync_request TO techdengue_jobs;
