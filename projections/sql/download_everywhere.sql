-- The next entities by key, in their newest state.
-- $1 município and $2 stream to start after, $3 the largest number of entities, $4 prefix of stream names.
SELECT h.tenant, h.stream, h.version, h.updated_at, h.document
FROM eventstore.stream AS h
WHERE (h.tenant, h.stream) > ($1, $2) AND h.version > 0 AND starts_with(h.stream, $4)
ORDER BY h.tenant, h.stream
LIMIT $3
