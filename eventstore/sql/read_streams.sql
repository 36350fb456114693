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
JOIN eventstore.event AS e
    ON e.tenant = wanted.tenant
    AND e.stream = wanted.stream
    AND e.sequence <= coalesce(wanted.up_to, 9223372036854775807)
ORDER BY wanted.n, e.sequence
