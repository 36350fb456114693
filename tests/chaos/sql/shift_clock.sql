-- A clock that can be set: the name that the server's statements call is found here before PostgreSQL's own.
-- `chaos.shift` holds by how much it is wrong.
CREATE SCHEMA chaos;
CREATE TABLE chaos.shift (by interval NOT NULL);
INSERT INTO chaos.shift (by) VALUES ('0 s');
CREATE FUNCTION chaos.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS $$
    SELECT pg_catalog.clock_timestamp() + s.by FROM chaos.shift AS s
$$;
GRANT USAGE ON SCHEMA chaos TO PUBLIC;
GRANT SELECT ON chaos.shift TO PUBLIC;
ALTER ROLE techdengue_server SET search_path = chaos, pg_catalog, public
