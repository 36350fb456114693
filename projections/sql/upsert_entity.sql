-- Writes entities in their newest state; who created one, and when, stays.
-- $1 rows of projections.entity_row.
INSERT INTO projections.entity AS t (
    municipio_cod_ibge, entity_type, entity_id, version, deleted, data,
    created_at, created_by, updated_at, updated_by, updated_from
)
SELECT
    n.municipio_cod_ibge, n.entity_type, n.entity_id, n.version, n.deleted, n.data,
    n.created_at, n.created_by, n.updated_at, n.updated_by, n.updated_from
FROM unnest($1::projections.entity_row[]) AS n
ON CONFLICT (municipio_cod_ibge, entity_type, entity_id) DO UPDATE SET
    version      = EXCLUDED.version,
    deleted      = EXCLUDED.deleted,
    data         = EXCLUDED.data,
    updated_at   = EXCLUDED.updated_at,
    updated_by   = EXCLUDED.updated_by,
    updated_from = EXCLUDED.updated_from
