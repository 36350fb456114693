-- Events of one stream's name, in any tenant, that pass a filter, newest first. Every filter is NULL for any.
-- $1 lane, $2 before this position, $3 at most so many, $4 tenants, $5 how the type begins, $6 writer, $7 actor, $8 outcome,
-- $9 recorded at this time or later, $10 recorded before this time, $11 stream.
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
FROM eventstore.stream AS s
JOIN eventstore.event AS e
    ON e.tenant = s.tenant
    AND e.stream = s.stream
WHERE s.stream = $11
  AND e.lane = $1
  AND e.position < $2
  AND ($4::text[] IS NULL OR s.tenant = ANY ($4))
  AND ($5::text IS NULL OR starts_with(e.type, $5))
  AND ($6::text IS NULL OR e.writer = $6)
  AND ($7::text IS NULL OR e.actor = $7)
  AND ($8::text IS NULL OR e.outcome = $8)
  AND ($9::timestamptz IS NULL OR e.recorded_at >= $9)
  AND ($10::timestamptz IS NULL OR e.recorded_at < $10)
ORDER BY e.position DESC
LIMIT $3
