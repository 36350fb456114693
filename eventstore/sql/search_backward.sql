-- Events that pass a filter, newest first. Every filter is NULL for any.
-- $1 lane, $2 before this position, $3 at most so many, $4 tenants, $5 how the type begins, $6 writer, $7 actor, $8 outcome,
-- $9 recorded at this time or later, $10 recorded before this time.
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
  AND position < $2
  AND ($4::text[] IS NULL OR tenant = ANY ($4))
  AND ($5::text IS NULL OR starts_with(type, $5))
  AND ($6::text IS NULL OR writer = $6)
  AND ($7::text IS NULL OR actor = $7)
  AND ($8::text IS NULL OR outcome = $8)
  AND ($9::timestamptz IS NULL OR recorded_at >= $9)
  AND ($10::timestamptz IS NULL OR recorded_at < $10)
ORDER BY position DESC
LIMIT $3
