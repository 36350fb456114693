-- The log, the heads of its streams, its writers' clocks, its lanes and its followers' checkpoints.
--
-- Names that are compared or paged by are COLLATE "C": the same order on every server, and byte comparisons.

CREATE SCHEMA eventstore;

CREATE TABLE eventstore.lane (
    lane     smallint NOT NULL PRIMARY KEY,
    position bigint   NOT NULL CHECK (position >= 0)
) WITH (fillfactor = 10);
COMMENT ON TABLE eventstore.lane IS
    'The last position of each lane. Its row lock is what makes positions gapless and in commit order.';
INSERT INTO eventstore.lane (lane, position) VALUES (0, 0);

CREATE TABLE eventstore.event (
    lane        smallint    NOT NULL,
    rule_set    smallint    NOT NULL,
    position    bigint      NOT NULL,
    sequence    bigint      NOT NULL CHECK (sequence > 0),
    version     bigint      NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    tenant      text        NOT NULL COLLATE "C",
    stream      text        NOT NULL COLLATE "C",
    type        text        NOT NULL COLLATE "C",
    writer      text        NOT NULL COLLATE "C",
    key         text        NOT NULL COLLATE "C",
    digest      bytea       NOT NULL,
    actor       text        NOT NULL COLLATE "C",
    outcome     text        NOT NULL COLLATE "C",
    payload     bytea       NOT NULL,
    metadata    bytea       NOT NULL,
    CONSTRAINT event_position PRIMARY KEY (lane, position),
    CONSTRAINT event_sequence UNIQUE (tenant, stream, sequence),
    CONSTRAINT event_key UNIQUE (writer, key, tenant)
);
CREATE INDEX event_tenant ON eventstore.event (tenant, lane, position);
COMMENT ON TABLE eventstore.event IS
    'The log: append-only. `position` is 1, 2, 3, … within its lane, in commit order.';

CREATE TABLE eventstore.stream (
    tenant      text        NOT NULL COLLATE "C",
    stream      text        NOT NULL COLLATE "C",
    sequence    bigint      NOT NULL CHECK (sequence > 0),
    version     bigint      NOT NULL,
    position    bigint      NOT NULL,
    updated_at  timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    state       bytea       NOT NULL,
    document    bytea,
    CONSTRAINT stream_head PRIMARY KEY (tenant, stream)
) WITH (fillfactor = 80);
CREATE INDEX stream_name ON eventstore.stream (stream);
COMMENT ON TABLE eventstore.stream IS
    'The head of each stream: the compare-and-set guard and the snapshot in one row. No changing column is indexed.';

CREATE TABLE eventstore.writer (
    writer text        NOT NULL COLLATE "C" PRIMARY KEY,
    clock  timestamptz NOT NULL
) WITH (fillfactor = 70);
COMMENT ON TABLE eventstore.writer IS
    'The logical clock of each writer: a compare-and-set guard, as the heads are.';

CREATE TABLE eventstore.checkpoint (
    name     text     NOT NULL COLLATE "C" PRIMARY KEY,
    lane     smallint NOT NULL DEFAULT 0,
    position bigint   NOT NULL CHECK (position >= 0)
) WITH (fillfactor = 50);
COMMENT ON TABLE eventstore.checkpoint IS
    'How far each follower of the log has come; written in the transaction that writes what it made of it.';


-- Append-only, for every role and for the owner, whatever the grants and session_replication_role say.

CREATE FUNCTION eventstore.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'eventstore.event is append-only: % refused', TG_OP
        USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER event_is_append_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON eventstore.event
    FOR EACH STATEMENT EXECUTE FUNCTION eventstore.refuse_change();
ALTER TABLE eventstore.event ENABLE ALWAYS TRIGGER event_is_append_only;


-- Row-level security: whoever may read sees the tenants named in the setting `eventstore.tenants` (comma-separated,
-- '*' for all) and none when it is empty or unset. Roles that need more get a policy of their own.

ALTER TABLE eventstore.event ENABLE ROW LEVEL SECURITY;
ALTER TABLE eventstore.event FORCE ROW LEVEL SECURITY;
CREATE POLICY tenants_of_the_reader ON eventstore.event FOR SELECT USING (
    (SELECT current_setting('eventstore.tenants', true)) = '*'
    OR tenant = ANY (string_to_array((SELECT current_setting('eventstore.tenants', true)), ','))
);
ALTER TABLE eventstore.stream ENABLE ROW LEVEL SECURITY;
ALTER TABLE eventstore.stream FORCE ROW LEVEL SECURITY;
CREATE POLICY tenants_of_the_reader ON eventstore.stream FOR SELECT USING (
    (SELECT current_setting('eventstore.tenants', true)) = '*'
    OR tenant = ANY (string_to_array((SELECT current_setting('eventstore.tenants', true)), ','))
);
