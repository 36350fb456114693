-- Heads of the streams that exist among those asked for.
-- $1 tenants, $2 streams: two arrays of one length.
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
FROM unnest($1::text[], $2::text[]) AS wanted (tenant, stream)
JOIN eventstore.stream AS s
    ON s.tenant = wanted.tenant
    AND s.stream = wanted.stream
