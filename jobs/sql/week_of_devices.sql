-- How many devices, and how many people with them, sent something in a span, by município; consoles are no devices,
-- nor is the server.
-- $1 municípios, or NULL for all; $2 its beginning, $3 its end, which is not of it any more; $4 how a console's name begins,
-- $5 how the server's does.
SELECT e.tenant AS municipio_cod_ibge, count(DISTINCT e.writer) AS devices, count(DISTINCT e.actor) AS people
FROM eventstore.event AS e
WHERE ($1::text[] IS NULL OR e.tenant = ANY ($1))
    AND e.recorded_at >= $2
    AND e.recorded_at < $3
    AND NOT starts_with(e.writer, $4)
    AND NOT starts_with(e.writer, $5)
GROUP BY e.tenant
ORDER BY e.tenant
