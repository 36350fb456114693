-- Writes evidence; who created it, when, and when its first upload was complete stay.
-- $1 rows of projections.evidencia_row.
INSERT INTO projections.evidencia AS t (
    municipio_cod_ibge, evidencia_id, version, deleted, municipio_nome, atividade_id, tipo, status, hash_sha256,
    tamanho_bytes, content_type, descricao, usuario_criacao, concluida_em, criado_em, atualizado_em, metadata
)
SELECT
    n.municipio_cod_ibge, n.evidencia_id, n.version, n.deleted, n.municipio_nome, n.atividade_id, n.tipo, n.status,
    n.hash_sha256, n.tamanho_bytes, n.content_type, n.descricao, n.usuario_criacao, n.concluida_em, n.criado_em,
    n.atualizado_em, n.metadata
FROM unnest($1::projections.evidencia_row[]) AS n
ON CONFLICT (municipio_cod_ibge, evidencia_id) DO UPDATE SET
    version        = EXCLUDED.version,
    deleted        = EXCLUDED.deleted,
    municipio_nome = EXCLUDED.municipio_nome,
    atividade_id   = EXCLUDED.atividade_id,
    tipo           = EXCLUDED.tipo,
    status         = EXCLUDED.status,
    hash_sha256    = EXCLUDED.hash_sha256,
    tamanho_bytes  = EXCLUDED.tamanho_bytes,
    content_type   = EXCLUDED.content_type,
    descricao      = EXCLUDED.descricao,
    concluida_em   = coalesce(t.concluida_em, EXCLUDED.concluida_em),
    atualizado_em  = EXCLUDED.atualizado_em,
    metadata       = EXCLUDED.metadata
