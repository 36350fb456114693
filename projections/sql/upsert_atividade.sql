-- Writes activities; who created one, when, and its first start and end stay.
-- $1 rows of projections.atividade_row.
INSERT INTO projections.atividade AS t (
    municipio_cod_ibge, atividade_id, version, deleted, municipio_nome, tipo, status, origem, descricao,
    longitude, latitude, altitude, usuario_responsavel, usuario_criacao, iniciado_em, encerrado_em,
    inicio_efetivo, fim_efetivo, criado_em, atualizado_em, metadata
)
SELECT
    n.municipio_cod_ibge, n.atividade_id, n.version, n.deleted, n.municipio_nome, n.tipo, n.status, n.origem, n.descricao,
    n.longitude, n.latitude, n.altitude, n.usuario_responsavel, n.usuario_criacao, n.iniciado_em, n.encerrado_em,
    n.inicio_efetivo, n.fim_efetivo, n.criado_em, n.atualizado_em, n.metadata
FROM unnest($1::projections.atividade_row[]) AS n
ON CONFLICT (municipio_cod_ibge, atividade_id) DO UPDATE SET
    version             = EXCLUDED.version,
    deleted             = EXCLUDED.deleted,
    municipio_nome      = EXCLUDED.municipio_nome,
    tipo                = EXCLUDED.tipo,
    status              = EXCLUDED.status,
    origem              = EXCLUDED.origem,
    descricao           = EXCLUDED.descricao,
    longitude           = EXCLUDED.longitude,
    latitude            = EXCLUDED.latitude,
    altitude            = EXCLUDED.altitude,
    usuario_responsavel = EXCLUDED.usuario_responsavel,
    iniciado_em         = EXCLUDED.iniciado_em,
    encerrado_em        = EXCLUDED.encerrado_em,
    inicio_efetivo      = coalesce(t.inicio_efetivo, EXCLUDED.inicio_efetivo),
    fim_efetivo         = coalesce(t.fim_efetivo, EXCLUDED.fim_efetivo),
    atualizado_em       = EXCLUDED.atualizado_em,
    metadata            = EXCLUDED.metadata
