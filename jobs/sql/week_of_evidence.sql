-- Evidence that was registered or verified in a span, by município and type, with the bytes that were verified.
-- $1 municípios, or NULL for all; $2 its beginning, $3 its end, which is not of it any more.
SELECT
    e.municipio_cod_ibge,
    coalesce(e.tipo, 'SEM_TIPO') AS tipo,
    count(*) FILTER (WHERE e.criado_em >= $2 AND e.criado_em < $3) AS registered,
    count(*) FILTER (WHERE e.concluida_em >= $2 AND e.concluida_em < $3) AS verified,
    coalesce(sum(e.tamanho_bytes) FILTER (WHERE e.concluida_em >= $2 AND e.concluida_em < $3), 0)::bigint AS bytes
FROM projections.evidencia AS e
WHERE ($1::text[] IS NULL OR e.municipio_cod_ibge = ANY ($1))
    AND NOT e.deleted
    AND ((e.criado_em >= $2 AND e.criado_em < $3) OR (e.concluida_em >= $2 AND e.concluida_em < $3))
GROUP BY e.municipio_cod_ibge, coalesce(e.tipo, 'SEM_TIPO')
ORDER BY e.municipio_cod_ibge, tipo
