-- Writes entities in their newest state; who created one, and when, stays.
-- $1 município, $2 type, $3 id, $4 version, $5 deleted, $6 data, $7 created at, $8 by, $9 updated at, $10 by, $11 from.
INSERT INTO projections.entity AS t (
    municipio_cod_ibge, entity_type, entity_id, version, deleted, data,
    created_at, created_by, updated_at, updated_by, updated_from
)
SELECT
    n.municipio_cod_ibge, n.entity_type, n.entity_id, n.version, n.deleted, n.data::jsonb,
    n.created_at, n.created_by, n.updated_at, n.updated_by, n.updated_from
FROM unnest(
    $1::text[], $2::text[], $3::text[], $4::bigint[], $5::boolean[], $6::text[],
    $7::timestamptz[], $8::text[], $9::timestamptz[], $10::text[], $11::text[]
) AS n (
    municipio_cod_ibge, entity_type, entity_id, version, deleted, data,
    created_at, created_by, updated_at, updated_by, updated_from
)
ON CONFLICT (municipio_cod_ibge, entity_type, entity_id) DO UPDATE SET
    version      = EXCLUDED.version,
    deleted      = EXCLUDED.deleted,
    data         = EXCLUDED.data,
    updated_at   = EXCLUDED.updated_at,
    updated_by   = EXCLUDED.updated_by,
    updated_from = EXCLUDED.updated_from
