-- Parked conflicts: opened in a span, settled in it by choice, and open at its end, by município.
-- $1 municípios, or NULL for all; $2 its beginning, $3 its end, which is not of it any more.
SELECT
    c.municipio_cod_ibge,
    count(*) FILTER (WHERE c.opened_at >= $2) AS opened,
    count(*) FILTER (WHERE c.resolved_at >= $2 AND c.resolved_at < $3 AND c.choice = 'client') AS client,
    count(*) FILTER (WHERE c.resolved_at >= $2 AND c.resolved_at < $3 AND c.choice = 'server') AS server,
    count(*) FILTER (WHERE c.resolved_at >= $2 AND c.resolved_at < $3 AND c.choice = 'merge') AS merge,
    count(*) FILTER (WHERE c.resolved_at >= $2 AND c.resolved_at < $3 AND c.choice = 'custom') AS custom,
    count(*) FILTER (WHERE c.resolved_at IS NULL OR c.resolved_at >= $3) AS open_at_end
FROM projections.conflict AS c
WHERE ($1::text[] IS NULL OR c.municipio_cod_ibge = ANY ($1))
    AND c.opened_at < $3
    AND (c.resolved_at IS NULL OR c.resolved_at >= $2)
GROUP BY c.municipio_cod_ibge
ORDER BY c.municipio_cod_ibge
