-- A partition that goes lets readers of the whole log by while its rows are counted: what drops it takes its parent's lock
-- first and its own after that, as every reader does. The other way round, each would wait for the other.

CREATE OR REPLACE FUNCTION techdengue.drop_request_partition(partition text, rows bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    dropped techdengue.sync_request_partition;
    found   bigint;
    last_id bigint;
BEGIN
    SET LOCAL lock_timeout = '2s';
    SELECT p.* INTO STRICT dropped FROM techdengue.sync_request_partition AS p WHERE p.name = partition;
    IF dropped.to_at > now() - interval '30 days' THEN
        RAISE EXCEPTION 'partition % is not old enough to go', partition USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    EXECUTE format('LOCK TABLE techdengue.%I IN SHARE MODE', dropped.name);  -- nobody adds a row; anybody reads
    EXECUTE format('SELECT count(*), max(r.id) FROM techdengue.%I AS r', dropped.name) INTO found, last_id;
    IF found <> rows THEN
        RAISE EXCEPTION 'partition % has % rows, not %', partition, found, rows
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    IF last_id > (SELECT c.position FROM techdengue.audit_cursor AS c WHERE c.name = 'sync_request') THEN
        RAISE EXCEPTION 'partition % is not all in the audit trail', partition
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    EXECUTE format('DROP TABLE techdengue.%I', dropped.name);
    DELETE FROM techdengue.sync_request_partition AS p WHERE p.name = dropped.name;
END
$$;
