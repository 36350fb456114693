-- Events of several streams, stream by stream as they were asked for, each in its order.
-- $1 tenants, $2 streams, $3 up to which sequences (NULL: the end): three arrays of one length.
SELECT
    e.lane,
    e.position,
    e.tenant,
    e.stream,
    e.sequence,
    e.version,
    e.type,
    e.writer,
    e.key,
    e.digest,
    e.actor,
    e.outcome,
    e.rule_set,
    e.occurred_at,
    e.recorded_at,
    e.payload,
    e.metadata
FROM unnest($1::text[], $2::text[], $3::bigint[]) WITH ORDINALITY AS wanted (tenant, stream, up_to, n)
-- The inner order is what keeps the planner from an index that begins with the tenant alone: planned while the log is
-- empty, both look alike, and the plan stays when the log has grown.
CROSS JOIN LATERAL (
    SELECT
        o.lane,
        o.position,
        o.tenant,
        o.stream,
        o.sequence,
        o.version,
        o.type,
        o.writer,
        o.key,
        o.digest,
        o.actor,
        o.outcome,
        o.rule_set,
        o.occurred_at,
        o.recorded_at,
        o.payload,
        o.metadata
    FROM eventstore.event AS o
    WHERE o.tenant = wanted.tenant
        AND o.stream = wanted.stream
        AND o.sequence <= coalesce(wanted.up_to, 9223372036854775807)
    ORDER BY o.sequence
) AS e
ORDER BY wanted.n, e.sequence
