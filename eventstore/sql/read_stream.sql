-- Events of one stream in its order.
-- $1 tenant, $2 stream, $3 after this sequence, $4 up to this one (NULL: the end), $5 at most so many (NULL: all).
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
WHERE tenant = $1
  AND stream = $2
  AND sequence > $3
  AND sequence <= coalesce($4::bigint, 9223372036854775807)
ORDER BY sequence
LIMIT $5
