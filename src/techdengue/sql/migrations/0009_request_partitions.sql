-- The log of sync requests by months, so that old ones can go as a whole once they are in the archive.
--
-- Rows stay as they are: the table of before becomes the first partition. A row of a month that nobody has made a partition
-- for goes into `sync_request_rest`, so that no request fails for it, and from there into its partition once that is made.

SET LOCAL timezone = 'UTC';  -- months are those of UTC

LOCK TABLE techdengue.sync_request IN ACCESS EXCLUSIVE MODE;
ALTER TABLE techdengue.sync_request RENAME TO sync_request_before;
ALTER TABLE techdengue.sync_request_before ALTER COLUMN id DROP IDENTITY;
ALTER TABLE techdengue.sync_request_before DROP CONSTRAINT sync_request_pkey;
ALTER INDEX techdengue.sync_request_device RENAME TO sync_request_before_device;

-- Partitioned tables have identity columns from PostgreSQL 17 up only: a sequence does the same.
CREATE SEQUENCE techdengue.sync_request_number AS bigint;
SELECT setval('techdengue.sync_request_number', coalesce(max(b.id), 0) + 1, false) FROM techdengue.sync_request_before AS b;
GRANT USAGE ON SEQUENCE techdengue.sync_request_number TO techdengue_intake;

CREATE TABLE techdengue.sync_request (
    LIKE techdengue.sync_request_before,
    PRIMARY KEY (id, received_at)
) PARTITION BY RANGE (received_at);
ALTER TABLE techdengue.sync_request
    ALTER COLUMN id SET DEFAULT nextval('techdengue.sync_request_number'),
    ALTER COLUMN operations SET DEFAULT 0,
    ALTER COLUMN applied SET DEFAULT 0,
    ALTER COLUMN client_applied SET DEFAULT 0,
    ALTER COLUMN merged SET DEFAULT 0,
    ALTER COLUMN server_kept SET DEFAULT 0,
    ALTER COLUMN no_change SET DEFAULT 0,
    ALTER COLUMN parked SET DEFAULT 0,
    ALTER COLUMN already_processed SET DEFAULT 0,
    ALTER COLUMN refused SET DEFAULT 0,
    ALTER COLUMN error_codes SET DEFAULT '{}',
    ALTER COLUMN municipios SET DEFAULT '{}';
CREATE INDEX sync_request_device ON techdengue.sync_request (device_id, received_at DESC);
COMMENT ON TABLE techdengue.sync_request IS
    'One row per accepted sync request, by months of its receipt (UTC). Operations are counted once: by outcome, as already '
    'processed, or as refused.';
COMMENT ON COLUMN techdengue.sync_request.address IS 'Of the device, as far as trusted proxies know it.';

GRANT INSERT ON techdengue.sync_request TO techdengue_intake;
GRANT SELECT ON techdengue.sync_request TO techdengue_reader, techdengue_jobs, techdengue_auditor;

CREATE TABLE techdengue.sync_request_rest PARTITION OF techdengue.sync_request DEFAULT;

CREATE TABLE techdengue.sync_request_partition (
    name    text        NOT NULL COLLATE "C" PRIMARY KEY,
    from_at timestamptz NOT NULL,
    to_at   timestamptz NOT NULL CHECK (to_at > from_at)
);
COMMENT ON TABLE techdengue.sync_request_partition IS
    'The partitions of the request log, but that of the rest: from, inclusive, to, exclusive.';
GRANT SELECT ON techdengue.sync_request_partition TO techdengue_jobs;

DO $$
DECLARE
    until timestamptz := date_trunc('month', greatest(
        now(), (SELECT max(b.received_at) FROM techdengue.sync_request_before AS b))) + interval '1 month';
BEGIN
    EXECUTE format(
        'ALTER TABLE techdengue.sync_request ATTACH PARTITION techdengue.sync_request_before '
        'FOR VALUES FROM (MINVALUE) TO (%L)', until
    );
    INSERT INTO techdengue.sync_request_partition (name, from_at, to_at)
    VALUES ('sync_request_before', '-infinity', until);
END
$$;


-- What the job that cleans up may do, with their owner's rights, and no more than these.

CREATE FUNCTION techdengue.add_request_partitions(months integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    month timestamptz;
    name  text;
    added integer := 0;
BEGIN
    SET LOCAL lock_timeout = '2s';
    FOR month IN
        SELECT DISTINCT date_trunc('month', m.at) AS first
          FROM (
              SELECT generate_series(
                  date_trunc('month', now()), date_trunc('month', now()) + make_interval(months => months), '1 month') AS at
              UNION ALL
              SELECT r.received_at FROM techdengue.sync_request_rest AS r WHERE isfinite(r.received_at)
          ) AS m
         WHERE NOT EXISTS (
             SELECT FROM techdengue.sync_request_partition AS p WHERE m.at >= p.from_at AND m.at < p.to_at
         )
         ORDER BY first
    LOOP
        name := 'sync_request_' || to_char(month, 'YYYY_MM');
        EXECUTE format('CREATE TABLE techdengue.%I (LIKE techdengue.sync_request INCLUDING DEFAULTS)', name);
        LOCK TABLE techdengue.sync_request_rest IN ACCESS EXCLUSIVE MODE;
        EXECUTE format(
            'WITH moved AS (DELETE FROM techdengue.sync_request_rest WHERE received_at >= $1 AND received_at < $2 RETURNING *) '
            'INSERT INTO techdengue.%I SELECT * FROM moved', name
        ) USING month, month + interval '1 month';
        EXECUTE format(
            'ALTER TABLE techdengue.sync_request ATTACH PARTITION techdengue.%I FOR VALUES FROM (%L) TO (%L)',
            name, month, month + interval '1 month'
        );
        INSERT INTO techdengue.sync_request_partition (name, from_at, to_at) VALUES (name, month, month + interval '1 month');
        added := added + 1;
    END LOOP;
    RETURN added;
END
$$;
COMMENT ON FUNCTION techdengue.add_request_partitions IS
    'Makes the partitions of this month and of so many after it, and of every month of which there are rows in the rest; '
    'answers how many. Waits 2 s for locks at most.';

CREATE FUNCTION techdengue.drop_request_partition(partition text, rows bigint) RETURNS void
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
    EXECUTE format('LOCK TABLE techdengue.%I IN ACCESS EXCLUSIVE MODE', dropped.name);
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
COMMENT ON FUNCTION techdengue.drop_request_partition IS
    'Drops a partition that ended 30 days ago or earlier, holds so many rows, and is in the audit trail; any other it refuses.';

REVOKE ALL ON FUNCTION techdengue.add_request_partitions, techdengue.drop_request_partition FROM PUBLIC;
GRANT EXECUTE ON FUNCTION techdengue.add_request_partitions, techdengue.drop_request_partition TO techdengue_jobs;
SELECT techdengue.add_request_partitions(3);
