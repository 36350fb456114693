-- The entities of a type and id that the caller may see: one for each município that has it.
-- $1 stream, $2 município or NULL for any.
SELECT h.tenant, h.stream, h.version, h.updated_at, h.document
FROM eventstore.stream AS h
WHERE h.stream = $1 AND h.version > 0 AND ($2::text IS NULL OR h.tenant = $2)
ORDER BY h.tenant
