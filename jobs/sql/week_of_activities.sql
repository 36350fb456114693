-- Activities that were registered or concluded in a span, by município, type and present status.
-- $1 municípios, or NULL for all; $2 its beginning, $3 its end, which is not of it any more.
SELECT
    a.municipio_cod_ibge,
    coalesce(a.tipo, 'SEM_TIPO') AS tipo,
    coalesce(a.status, 'SEM_STATUS') AS status,
    count(*) FILTER (WHERE a.criado_em >= $2 AND a.criado_em < $3) AS registered,
    count(*) FILTER (WHERE a.status = 'CONCLUIDA' AND a.fim_efetivo >= $2 AND a.fim_efetivo < $3) AS concluded
FROM projections.atividade AS a
WHERE ($1::text[] IS NULL OR a.municipio_cod_ibge = ANY ($1))
    AND NOT a.deleted
    AND ((a.criado_em >= $2 AND a.criado_em < $3) OR (a.fim_efetivo >= $2 AND a.fim_efetivo < $3))
GROUP BY a.municipio_cod_ibge, coalesce(a.tipo, 'SEM_TIPO'), coalesce(a.status, 'SEM_STATUS')
ORDER BY a.municipio_cod_ibge, tipo, status
