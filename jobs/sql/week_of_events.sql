-- What came in during a span, by município and outcome; what the server itself wrote did not come in.
-- $1 municípios, or NULL for all; $2 its beginning, $3 its end, which is not of it any more; $4 how the
-- server's name begins.
SELECT e.tenant AS municipio_cod_ibge, e.outcome, count(*) AS events
FROM eventstore.event AS e
WHERE ($1::text[] IS NULL OR e.tenant = ANY ($1))
    AND e.recorded_at >= $2
    AND e.recorded_at < $3
    AND NOT starts_with(e.writer, $4)
GROUP BY e.tenant, e.outcome
ORDER BY e.tenant, e.outcome
