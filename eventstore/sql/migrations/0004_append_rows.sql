-- eventstore.append takes rows: one array each of events, heads and writers, instead of an array for every column.
--
-- It is the only way into the log. It takes the lane's row lock and keeps it until the commit; what it reads after that
-- is seen as the last append left it (a VOLATILE function's statements each take a fresh snapshot under READ COMMITTED).
-- A *unit* whose heads, writer clocks or keys are no longer as its author believed is a loser and is skipped whole; the
-- others' events get the next positions in the order of the array.
--
-- It is optimistic: it writes with the expectations as conditions, heads and clocks before events, and only when one
-- does not hold undoes that, looks for the losers and writes again without them. (Looking first costs a tenth more.)
--
-- `unit` numbers the units, from 0. Within one call a stream, a writer and a key each belong to one unit.
--
-- Answers the first position given (the next one, if none was) and the losing units.

CREATE TYPE eventstore.event_row AS (
    unit        integer,
    tenant      text,
    stream      text,
    sequence    bigint,
    version     bigint,
    type        text,
    writer      text,
    key         text,
    digest      bytea,
    actor       text,
    outcome     text,
    rule_set    smallint,
    occurred_at timestamptz,
    recorded_at timestamptz,
    payload     bytea,
    metadata    bytea
);
COMMENT ON TYPE eventstore.event_row IS 'An event to append.';

CREATE TYPE eventstore.head_row AS (
    unit        integer,
    event       integer,
    tenant      text,
    stream      text,
    expected    bigint,
    sequence    bigint,
    version     bigint,
    updated_at  timestamptz,
    recorded_at timestamptz,
    state       bytea,
    document    bytea
);
COMMENT ON TYPE eventstore.head_row IS
    'A head as it shall be. `event`: the place, from 1, of its last event in the call. `expected` 0: it must not exist.';

CREATE TYPE eventstore.writer_row AS (
    unit     integer,
    writer   text,
    expected timestamptz,
    clock    timestamptz
);
COMMENT ON TYPE eventstore.writer_row IS 'A writer''s clock as it shall be. `expected` NULL: it must not exist.';

DROP FUNCTION eventstore.append;

CREATE FUNCTION eventstore.append(
    in_lane smallint,
    events  eventstore.event_row[],
    heads   eventstore.head_row[],
    writers eventstore.writer_row[],
    OUT first_position bigint,
    OUT moved          integer[]
)
LANGUAGE plpgsql VOLATILE SECURITY INVOKER
-- The plan is always the same, whatever the statistics say: probe an index once for each element.
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
DECLARE
    last_position bigint;
    places        bigint[];   -- of each event; NULL for a loser's
    wanted        bigint;
    written       bigint;
    losers        integer[];
BEGIN
    SELECT l.position INTO last_position FROM eventstore.lane AS l WHERE l.lane = in_lane FOR UPDATE;
    IF NOT FOUND THEN
        INSERT INTO eventstore.lane (lane, position) VALUES (in_lane, 0) ON CONFLICT (lane) DO NOTHING;
        SELECT l.position INTO last_position FROM eventstore.lane AS l WHERE l.lane = in_lane FOR UPDATE;
    END IF;
    first_position := last_position + 1;
    moved := '{}';

    LOOP
    BEGIN
        IF moved = '{}' THEN
            places := ARRAY(SELECT generate_series(first_position, last_position + cardinality(events)));
        ELSE
            places := ARRAY(
                SELECT CASE
                    WHEN e.unit <> ALL (moved)
                    THEN last_position + count(*) FILTER (WHERE e.unit <> ALL (moved)) OVER (ORDER BY e.n)
                END
                FROM ROWS FROM (unnest(events)) WITH ORDINALITY AS e (
                    unit, tenant, stream, sequence, version, type, writer, key, digest, actor, outcome, rule_set,
                    occurred_at, recorded_at, payload, metadata, n
                )
                ORDER BY e.n
            );
        END IF;

        -- Heads that are new, then heads that stand where they should.
        INSERT INTO eventstore.stream (
            tenant, stream, sequence, version, position, updated_at, recorded_at, state, document
        )
        SELECT
            h.tenant, h.stream, h.sequence, h.version, places[h.event], h.updated_at, h.recorded_at, h.state,
            h.document
        FROM unnest(heads) AS h
        WHERE h.expected = 0 AND places[h.event] IS NOT NULL;
        GET DIAGNOSTICS written = ROW_COUNT;
        wanted := (SELECT count(places[h.event]) FROM unnest(heads) AS h) - written;
        IF wanted > 0 THEN
            UPDATE eventstore.stream AS s SET
                sequence    = h.sequence,
                version     = h.version,
                position    = places[h.event],
                updated_at  = h.updated_at,
                recorded_at = h.recorded_at,
                state       = h.state,
                document    = h.document
            FROM unnest(heads) AS h
            WHERE h.expected > 0
                AND places[h.event] IS NOT NULL
                AND s.tenant = h.tenant
                AND s.stream = h.stream
                AND s.sequence = h.expected;
            GET DIAGNOSTICS written = ROW_COUNT;
            IF written <> wanted THEN
                RAISE serialization_failure USING MESSAGE = 'eventstore.append: a head has moved';
            END IF;
        END IF;

        -- Writers that are new, then writers whose clocks stand where they should.
        INSERT INTO eventstore.writer (writer, clock)
        SELECT w.writer, w.clock
        FROM unnest(writers) AS w
        WHERE w.expected IS NULL AND w.unit <> ALL (moved);
        GET DIAGNOSTICS written = ROW_COUNT;
        wanted := (SELECT count(*) FROM unnest(writers) AS w WHERE w.unit <> ALL (moved)) - written;
        UPDATE eventstore.writer AS c SET clock = w.clock
        FROM unnest(writers) AS w
        WHERE w.unit <> ALL (moved) AND c.writer = w.writer AND c.clock = w.expected;
        GET DIAGNOSTICS written = ROW_COUNT;
        IF written <> wanted THEN
            RAISE serialization_failure USING MESSAGE = 'eventstore.append: a clock has moved';
        END IF;

        INSERT INTO eventstore.event (
            lane, position, tenant, stream, sequence, version, type, writer, key, digest, actor, outcome, rule_set,
            occurred_at, recorded_at, payload, metadata
        )
        SELECT
            in_lane, places[e.n], e.tenant, e.stream, e.sequence, e.version, e.type, e.writer, e.key, e.digest,
            e.actor, e.outcome, e.rule_set, e.occurred_at, e.recorded_at, e.payload, e.metadata
        FROM ROWS FROM (unnest(events)) WITH ORDINALITY AS e (
            unit, tenant, stream, sequence, version, type, writer, key, digest, actor, outcome, rule_set, occurred_at,
            recorded_at, payload, metadata, n
        )
        WHERE places[e.n] IS NOT NULL;
        GET DIAGNOSTICS written = ROW_COUNT;

        UPDATE eventstore.lane AS l SET position = last_position + written WHERE l.lane = in_lane;
        RETURN;
    EXCEPTION WHEN unique_violation OR serialization_failure THEN
        losers := ARRAY(
            SELECT h.unit
            FROM unnest(heads) AS h
            LEFT JOIN eventstore.stream AS s ON s.tenant = h.tenant AND s.stream = h.stream
            WHERE coalesce(s.sequence, 0) <> h.expected
            UNION
            SELECT w.unit
            FROM unnest(writers) AS w
            LEFT JOIN eventstore.writer AS c ON c.writer = w.writer
            WHERE c.clock IS DISTINCT FROM w.expected
            UNION
            SELECT e.unit
            FROM unnest(events) AS e
            -- The concatenation keeps the planner from an index that begins with the tenant.
            JOIN eventstore.event AS k ON k.writer = e.writer AND k.key = e.key AND k.tenant || '' = e.tenant
        );
        IF losers <@ moved THEN
            RAISE;  -- no expectation explains it: the units contradict themselves
        END IF;
        moved := losers;
    END;
    END LOOP;
END
$$;
COMMENT ON FUNCTION eventstore.append IS 'Appends units of events, each whole or not at all; answers which had moved on.';
REVOKE ALL ON FUNCTION eventstore.append FROM PUBLIC;
