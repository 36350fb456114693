-- A page of the events of all streams, stream by stream, each in its order: the columns of a StreamEvent.
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
    occurred_at,
    recorded_at,
    payload,
    metadata
FROM eventstore.event
WHERE (tenant, stream, sequence) > ($1, $2, $3)
ORDER BY tenant, stream, sequence
LIMIT $4
