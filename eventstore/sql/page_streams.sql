-- A page of the events of all streams, stream by stream, each in its order: the columns of a StreamRow.
-- Times are microseconds since 1970: PostgreSQL counts them in a third of the time that the driver takes for a datetime.
-- $1, $2 and $3 after this tenant, stream and sequence, $4 at most so many.
SELECT
    tenant,
    stream,
    sequence,
    version,
    lane,
    position,
    writer,
    key,
    outcome,
    rule_set,
    (extract(EPOCH FROM occurred_at) * 1000000)::bigint AS occurred_at,
    (extract(EPOCH FROM recorded_at) * 1000000)::bigint AS recorded_at,
    payload,
    metadata
FROM eventstore.event
WHERE (tenant, stream, sequence) > ($1, $2, $3)
ORDER BY tenant, stream, sequence
LIMIT $4
