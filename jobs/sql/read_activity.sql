-- One activity as its report shows it; nothing where it was deleted.
-- $1 município, $2 its id.
SELECT
    a.version, a.tipo, a.status, a.origem, a.descricao, a.longitude, a.latitude, a.usuario_responsavel,
    coalesce(a.iniciado_em, a.inicio_efetivo) AS iniciado_em,
    coalesce(a.encerrado_em, a.fim_efetivo) AS encerrado_em,
    a.metadata
FROM projections.atividade AS a
WHERE a.municipio_cod_ibge = $1 AND a.atividade_id = $2 AND NOT a.deleted
