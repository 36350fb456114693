-- Writes evidence; who created it, when, and when its first upload was complete stay.
-- $1 … $17: the columns in the order of the table.
INSERT INTO projections.evidencia AS t (
    municipio_cod_ibge, evidencia_id, version, deleted, municipio_nome, atividade_id, tipo, status, hash_sha256,
    tamanho_bytes, content_type, descricao, usuario_criacao, concluida_em, criado_em, atualizado_em, metadata
)
SELECT
    n.municipio_cod_ibge, n.evidencia_id, n.version, n.deleted, n.municipio_nome, n.atividade_id, n.tipo, n.status,
    n.hash_sha256, n.tamanho_bytes, n.content_type, n.descricao, n.usuario_criacao, n.concluida_em, n.criado_em,
    n.atualizado_em, n.metadata::jsonb
FROM unnest(
    $1::text[], $2::text[], $3::bigint[], $4::boolean[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
    $10::bigint[], $11::text[], $12::text[], $13::text[], $14::timestamptz[], $15::timestamptz[], $16::timestamptz[],
    $17::text[]
) AS n (
    municipio_cod_ibge, evidencia_id, version, deleted, municipio_nome, atividade_id, tipo, status, hash_sha256,
    tamanho_bytes, content_type, descricao, usuario_criacao, concluida_em, criado_em, atualizado_em, metadata
)
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
