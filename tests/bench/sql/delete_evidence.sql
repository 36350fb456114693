-- Evidence of Cuiaba that was deleted 60 days ago, each with a file. $1 ids; $2 what its keys begin with.
WITH named AS (
    SELECT id FROM unnest($1::text[]) AS id
), heads AS (
    INSERT INTO eventstore.stream (tenant, stream, sequence, version, position, updated_at, recorded_at, state)
    SELECT '5103403', 'evidencia/' || id, 2, 2, 1, now() - interval '60 days', now() - interval '60 days', '' FROM named
), projected AS (
    INSERT INTO projections.evidencia (
        municipio_cod_ibge, evidencia_id, version, deleted, status, usuario_criacao, criado_em, atualizado_em)
    SELECT '5103403', id, 2, false, 'DELETADA', 'bench', now(), now() FROM named
)
INSERT INTO techdengue.evidence_file (
    municipio_cod_ibge, evidencia_id, object_key, size_bytes, hash_sha256, content_type, status, started_by, verified_at,
    verified_by)
SELECT '5103403', id, $2 || id, 4, repeat('0', 64), 'image/jpeg', 'verified', 'bench', now(), 'bench' FROM named
