-- The log, in its order.
-- $1 lane, $2 after this position, $3 at most so many.
SELECT
    lane,
    position,
    tenant,
    stream,
    sequence,
    version,
    type,
    writer,
    key,
    digest,
    actor,
    outcome,
    rule_set,
    occurred_at,
    recorded_at,
    payload,
    metadata
FROM eventstore.event
WHERE lane = $1
  AND position > $2
ORDER BY position
LIMIT $3
