-- The next entities of some municípios by key, in their newest state.
-- $1 município and $2 stream to start after, $3 the largest number of entities, $4 prefix of stream names, $5 municípios
-- in their order: one after the other is read, until the page is full.
SELECT h.tenant, h.stream, h.version, h.updated_at, h.document
FROM unnest($5::text[]) WITH ORDINALITY AS t (tenant, n)
CROSS JOIN LATERAL (
    SELECT o.tenant, o.stream, o.version, o.updated_at, o.document
    FROM eventstore.stream AS o
    -- Not `(o.tenant, o.stream) > ($1, $2)`: beside an equal município an index would begin at its first stream.
    WHERE o.tenant = t.tenant AND o.stream > CASE WHEN t.tenant COLLATE "C" = $1 THEN $2 ELSE '' END
      AND o.version > 0 AND starts_with(o.stream, $4)
    ORDER BY o.stream
    LIMIT $3
) AS h
WHERE t.tenant COLLATE "C" >= $1
ORDER BY t.n, h.stream
LIMIT $3
