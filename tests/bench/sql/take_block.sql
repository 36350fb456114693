-- The rows that a served block left, kept apart as the pattern of all others; the tables are emptied.
-- No parameter: several statements.
CREATE TEMPORARY TABLE block_event AS SELECT * FROM eventstore.event ORDER BY position;
CREATE TEMPORARY TABLE block_stream AS SELECT * FROM eventstore.stream;
CREATE TEMPORARY TABLE block_writer AS SELECT * FROM eventstore.writer;
CREATE TEMPORARY TABLE block_conflict AS SELECT * FROM projections.conflict;
CREATE TEMPORARY TABLE block_device AS SELECT * FROM techdengue.device;
CREATE TEMPORARY TABLE block_request AS SELECT * FROM techdengue.sync_request;
ANALYZE;
ALTER TABLE eventstore.event DISABLE TRIGGER event_is_append_only;
TRUNCATE eventstore.event, eventstore.stream, eventstore.writer, projections.conflict, techdengue.device,
         techdengue.sync_request;
ALTER TABLE eventstore.event ENABLE ALWAYS TRIGGER event_is_append_only;

-- A block's own name instead of the pattern's, in text and in bytes; both names have eight letters.
CREATE FUNCTION pg_temp.named(raw bytea, name text, tenant text) RETURNS bytea LANGUAGE sql IMMUTABLE AS
$$ SELECT decode(replace(replace(encode(raw, 'hex'), '6231306362313063', encode(name::bytea, 'hex')),
                         '35313033343033', encode(tenant::bytea, 'hex')), 'hex') $$;
CREATE FUNCTION pg_temp.named(told text, name text) RETURNS text LANGUAGE sql IMMUTABLE AS
$$ SELECT replace(told, 'b10cb10c', name) $$;
