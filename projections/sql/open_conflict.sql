-- Opens conflicts.
-- $1 id, $2 município, $3 entity type, $4 entity id, $5 stream, $6 sequence, $7 conflict type, $8 strategy, $9 device, $10 user,
-- $11 received at.
INSERT INTO projections.conflict (
    conflict_id, municipio_cod_ibge, entity_type, entity_id, stream, sequence, conflict_type, strategy,
    device_id, user_id, opened_at
)
SELECT
    n.conflict_id, n.municipio_cod_ibge, n.entity_type, n.entity_id, n.stream, n.sequence, n.conflict_type, n.strategy,
    n.device_id, n.user_id, n.opened_at
FROM unnest(
    $1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::text[], $8::text[],
    $9::text[], $10::text[], $11::timestamptz[]
) AS n (
    conflict_id, municipio_cod_ibge, entity_type, entity_id, stream, sequence, conflict_type, strategy,
    device_id, user_id, opened_at
)
