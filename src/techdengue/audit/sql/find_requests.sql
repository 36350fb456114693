-- The last sync request that can be seen, the last one that is in the trail, and who may be writing an earlier one than
-- the former: the transactions that hold the lock of writers. Ids are drawn under that lock, so once these have ended,
-- every request up to the last one can be seen, or never will be.
SELECT
    (SELECT max(r.id) FROM techdengue.sync_request AS r) AS last_id,
    (SELECT c.position FROM techdengue.audit_cursor AS c WHERE c.name = 'sync_request') AS copied_id,
    ARRAY(
        SELECT l.virtualtransaction
        FROM pg_catalog.pg_locks AS l
        WHERE l.locktype = 'relation'
            AND l.database = (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = current_database())
            AND l.relation = 'techdengue.sync_request'::regclass
            AND l.mode = 'RowExclusiveLock'
    ) AS writers
