-- eventstore.append: the only way into the log. One statement, autocommit.
--
-- It takes the lane's row lock and keeps it until the commit; what it reads after that is seen as the last append left
-- it (a VOLATILE function's statements each take a fresh snapshot under READ COMMITTED). A *unit* whose heads, writer
-- clocks or keys are no longer as its author believed is a loser and is skipped whole; the others' events get the next
-- positions in the order of the arrays.
--
-- It is optimistic: it writes with the expectations as conditions, heads and clocks before events, and only when one
-- does not hold undoes that, looks for the losers and writes again without them. (Looking first costs a tenth more.)
--
-- Arrays of one group have one length. `event_unit`, `head_unit`, `writer_unit` number the units, from 0.
-- `head_event` is the place, from 1, of the stream's last event in the event arrays. `head_expected` is 0 and
-- `writer_expected` NULL for what must not exist yet. Within one call a stream, a writer and a key each belong
-- to one unit.
--
-- Answers the first position given (the next one, if none was) and the losing units.

CREATE FUNCTION eventstore.append(
    in_lane           smallint,
    event_unit        integer[],
    event_tenant      text[],
    event_stream      text[],
    event_sequence    bigint[],
    event_version     bigint[],
    event_type        text[],
    event_writer      text[],
    event_key         text[],
    event_digest      bytea[],
    event_actor       text[],
    event_outcome     text[],
    event_rule_set    smallint[],
    event_occurred_at timestamptz[],
    event_recorded_at timestamptz[],
    event_payload     bytea[],
    event_metadata    bytea[],
    head_unit         integer[],
    head_event        integer[],
    head_tenant       text[],
    head_stream       text[],
    head_expected     bigint[],
    head_sequence     bigint[],
    head_version      bigint[],
    head_updated_at   timestamptz[],
    head_recorded_at  timestamptz[],
    head_state        bytea[],
    head_document     bytea[],
    writer_unit       integer[],
    writer_name       text[],
    writer_expected   timestamptz[],
    writer_clock      timestamptz[],
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
            places := ARRAY(SELECT generate_series(first_position, last_position + cardinality(event_unit)));
        ELSE
            places := ARRAY(
                SELECT CASE
                    WHEN e.unit <> ALL (moved)
                    THEN last_position + count(*) FILTER (WHERE e.unit <> ALL (moved)) OVER (ORDER BY e.n)
                END
                FROM unnest(event_unit) WITH ORDINALITY AS e (unit, n)
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
        FROM unnest(
            head_event, head_tenant, head_stream, head_expected, head_sequence, head_version, head_updated_at,
            head_recorded_at, head_state, head_document
        ) AS h (event, tenant, stream, expected, sequence, version, updated_at, recorded_at, state, document)
        WHERE h.expected = 0 AND places[h.event] IS NOT NULL;
        GET DIAGNOSTICS written = ROW_COUNT;
        wanted := (SELECT count(places[h]) FROM unnest(head_event) AS h) - written;
        UPDATE eventstore.stream AS s SET
            sequence    = h.sequence,
            version     = h.version,
            position    = places[h.event],
            updated_at  = h.updated_at,
            recorded_at = h.recorded_at,
            state       = h.state,
            document    = h.document
        FROM unnest(
            head_event, head_tenant, head_stream, head_expected, head_sequence, head_version, head_updated_at,
            head_recorded_at, head_state, head_document
        ) AS h (event, tenant, stream, expected, sequence, version, updated_at, recorded_at, state, document)
        WHERE h.expected > 0
            AND places[h.event] IS NOT NULL
            AND s.tenant = h.tenant
            AND s.stream = h.stream
            AND s.sequence = h.expected;
        GET DIAGNOSTICS written = ROW_COUNT;
        IF written <> wanted THEN
            RAISE serialization_failure USING MESSAGE = 'eventstore.append: a head has moved';
        END IF;

        -- Writers that are new, then writers whose clocks stand where they should.
        INSERT INTO eventstore.writer (writer, clock)
        SELECT w.writer, w.clock
        FROM unnest(writer_unit, writer_name, writer_expected, writer_clock) AS w (unit, writer, expected, clock)
        WHERE w.expected IS NULL AND w.unit <> ALL (moved);
        GET DIAGNOSTICS written = ROW_COUNT;
        wanted := (SELECT count(*) FROM unnest(writer_unit) AS w (unit) WHERE w.unit <> ALL (moved)) - written;
        UPDATE eventstore.writer AS c SET clock = w.clock
        FROM unnest(writer_unit, writer_name, writer_expected, writer_clock) AS w (unit, writer, expected, clock)
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
            in_lane, e.position, e.tenant, e.stream, e.sequence, e.version, e.type, e.writer, e.key, e.digest, e.actor,
            e.outcome, e.rule_set, e.occurred_at, e.recorded_at, e.payload, e.metadata
        FROM unnest(
            places, event_tenant, event_stream, event_sequence, event_version, event_type, event_writer, event_key,
            event_digest, event_actor, event_outcome, event_rule_set, event_occurred_at, event_recorded_at,
            event_payload, event_metadata
        ) AS e (
            position, tenant, stream, sequence, version, type, writer, key, digest, actor, outcome, rule_set,
            occurred_at, recorded_at, payload, metadata
        )
        WHERE e.position IS NOT NULL;
        GET DIAGNOSTICS written = ROW_COUNT;

        UPDATE eventstore.lane AS l SET position = last_position + written WHERE l.lane = in_lane;
        RETURN;
    EXCEPTION WHEN unique_violation OR serialization_failure THEN
        losers := ARRAY(
            SELECT h.unit
            FROM unnest(head_unit, head_tenant, head_stream, head_expected) AS h (unit, tenant, stream, expected)
            LEFT JOIN eventstore.stream AS s ON s.tenant = h.tenant AND s.stream = h.stream
            WHERE coalesce(s.sequence, 0) <> h.expected
            UNION
            SELECT w.unit
            FROM unnest(writer_unit, writer_name, writer_expected) AS w (unit, writer, expected)
            LEFT JOIN eventstore.writer AS c ON c.writer = w.writer
            WHERE c.clock IS DISTINCT FROM w.expected
            UNION
            SELECT e.unit
            FROM unnest(event_unit, event_writer, event_key, event_tenant) AS e (unit, writer, key, tenant)
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
