-- The three roles of the server, and what each may do with the event store. None owns anything or logs in.
--
-- Roles belong to the whole cluster: another database's migration may be creating them at this moment.

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['techdengue_intake', 'techdengue_reader', 'techdengue_projector'] LOOP
        IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = name) THEN
            BEGIN
                EXECUTE format(
                    'CREATE ROLE %I NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS NOREPLICATION', name
                );
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL;  -- created in the meantime by another database's migration, with the same statement
            END;
        END IF;
    END LOOP;
END
$$;

GRANT USAGE ON SCHEMA eventstore TO techdengue_intake, techdengue_reader, techdengue_projector;

-- The intake appends in any município, and does nothing else.
GRANT SELECT, INSERT ON eventstore.event TO techdengue_intake;
GRANT SELECT, INSERT, UPDATE ON eventstore.stream, eventstore.writer, eventstore.lane TO techdengue_intake;
GRANT EXECUTE ON FUNCTION eventstore.append TO techdengue_intake;
CREATE POLICY intake_reads ON eventstore.event FOR SELECT TO techdengue_intake USING (true);
CREATE POLICY intake_appends ON eventstore.event FOR INSERT TO techdengue_intake WITH CHECK (true);
CREATE POLICY intake_moves_heads ON eventstore.stream TO techdengue_intake USING (true) WITH CHECK (true);

-- The reader sees its caller's municípios (the policies of the event store itself).
GRANT SELECT ON eventstore.event, eventstore.stream, eventstore.lane, eventstore.checkpoint TO techdengue_reader;

-- The projector follows the whole log.
GRANT SELECT ON eventstore.event, eventstore.stream, eventstore.lane TO techdengue_projector;
GRANT SELECT, INSERT, UPDATE, DELETE ON eventstore.checkpoint TO techdengue_projector;
CREATE POLICY projector_follows ON eventstore.event FOR SELECT TO techdengue_projector USING (true);
CREATE POLICY projector_reads_heads ON eventstore.stream FOR SELECT TO techdengue_projector USING (true);
