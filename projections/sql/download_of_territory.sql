-- The next entities of some municípios by key, in their newest state: the keys first, then only those rows.
-- $1 município and $2 stream to start after, $3 the largest number of entities, $4 prefix of stream names, $5 municípios.
WITH page AS MATERIALIZED (
    SELECT k.tenant, k.stream
    FROM unnest($5::text[]) AS t (tenant)
    CROSS JOIN LATERAL (
        SELECT o.tenant, o.stream
        FROM eventstore.stream AS o
        WHERE o.tenant = t.tenant AND (o.tenant, o.stream) > ($1, $2) AND o.version > 0 AND starts_with(o.stream, $4)
        ORDER BY o.stream
        LIMIT $3
    ) AS k
    WHERE t.tenant COLLATE "C" >= $1
    ORDER BY k.tenant, k.stream
    LIMIT $3
)
SELECT h.tenant, h.stream, h.version, h.updated_at, h.document
FROM page AS p
-- One probe an entity, never the whole table.
CROSS JOIN LATERAL (
    SELECT o.tenant, o.stream, o.version, o.updated_at, o.document
    FROM eventstore.stream AS o
    WHERE o.tenant = p.tenant AND o.stream = p.stream
    LIMIT 1
) AS h
ORDER BY h.tenant, h.stream
