-- A page of the heads of some tenants, by (tenant, stream): one index range a tenant, none beyond the page.
-- $1 and $2 after this tenant and stream, $3 at most so many, $4 streams that begin so ('': any), $5 tenants.
SELECT
    s.tenant,
    s.stream,
    s.sequence,
    s.version,
    s.position,
    s.updated_at,
    s.recorded_at,
    s.state,
    s.document
FROM (
    SELECT DISTINCT name COLLATE "C" AS name
    FROM unnest($5::text[]) AS t (name)
    WHERE name COLLATE "C" >= $1
    ORDER BY 1
) AS wanted
CROSS JOIN LATERAL (
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
    FROM eventstore.stream AS h
    WHERE h.tenant = wanted.name
      AND h.stream > CASE WHEN wanted.name = $1 THEN $2 ELSE '' END
      AND starts_with(h.stream, $4)
    ORDER BY h.stream
    LIMIT $3
) AS s
ORDER BY s.tenant, s.stream
LIMIT $3
