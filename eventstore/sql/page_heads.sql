-- A page of the heads of every tenant, by (tenant, stream).
-- $1 and $2 after this tenant and stream, $3 at most so many, $4 streams that begin so ('': any).
SELECT
    tenant,
    stream,
    sequence,
    version,
    position,
    updated_at,
    recorded_at,
    state,
    document
FROM eventstore.stream
WHERE (tenant, stream) > ($1, $2)
  AND starts_with(stream, $4)
ORDER BY tenant, stream
LIMIT $3
