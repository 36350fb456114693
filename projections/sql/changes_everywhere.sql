-- A page of the log, and for the event that made an entity's newest version, the entity; else NULL.
-- $1 position to start after, $2 the largest number of events, $3 prefix of stream names.
WITH page AS MATERIALIZED (
    SELECT e.position, e.tenant, e.stream, e.sequence
    FROM eventstore.event AS e
    WHERE e.lane = 0 AND e.position > $1
    ORDER BY e.position
    LIMIT $2
)
SELECT p.position, h.tenant, h.stream, h.version, h.updated_at, h.document
FROM page AS p
-- One probe an event, whatever the statistics say of a page at the end of the log.
LEFT JOIN LATERAL (
    SELECT o.tenant, o.stream, o.version, o.updated_at, o.document
    FROM eventstore.stream AS o
    WHERE o.tenant = p.tenant AND o.stream = p.stream AND o.version = p.sequence AND starts_with(p.stream, $3)
    LIMIT 1
) AS h ON true
ORDER BY p.position
