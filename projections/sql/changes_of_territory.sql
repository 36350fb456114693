-- A page of some municípios' events, and for the event that made an entity's newest version, the entity; else NULL.
-- $1 position to start after, $2 the largest number of events, $3 prefix of stream names, $4 municípios.
WITH page AS MATERIALIZED (
    SELECT e.position, e.tenant, e.stream, e.sequence
    FROM unnest($4::text[]) AS t (tenant)
    CROSS JOIN LATERAL (
        SELECT o.position, o.tenant, o.stream, o.sequence
        FROM eventstore.event AS o
        WHERE o.tenant = t.tenant AND o.lane = 0 AND o.position > $1
        ORDER BY o.position
        LIMIT $2
    ) AS e
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
