-- A page of conflicts, oldest first, each with the event that was parked and the entity's head.
-- $1 status, $2 entity type, $3 municípios, $4 device, $5 stream, each NULL for any; $6 time and $7 id to start after, or NULL;
-- $8 the largest number.
WITH page AS MATERIALIZED (
    SELECT c.*
    FROM projections.conflict AS c
    WHERE ($1::text IS NULL OR c.status = $1)
        AND ($2::text IS NULL OR c.entity_type = $2)
        AND ($3::text[] IS NULL OR c.municipio_cod_ibge = ANY ($3))
        AND ($4::text IS NULL OR c.device_id = $4)
        AND ($5::text IS NULL OR c.stream = $5)
        AND ($6::timestamptz IS NULL OR (c.opened_at, c.conflict_id) > ($6, $7::uuid))
    ORDER BY c.opened_at, c.conflict_id
    LIMIT $8
)
SELECT
    p.conflict_id, p.status, p.municipio_cod_ibge, p.stream, p.sequence, p.conflict_type, p.strategy, p.opened_at,
    p.choice, p.resolved_sequence, p.resolved_by, p.resolved_at, p.note,
    e.lane, e.position, e.version, e.type, e.writer, e.key, e.digest, e.actor, e.outcome, e.rule_set, e.occurred_at, e.recorded_at,
    e.payload, e.metadata,
    h.state, h.document, h.updated_at
FROM page AS p
JOIN eventstore.event AS e ON e.tenant = p.municipio_cod_ibge AND e.stream = p.stream AND e.sequence = p.sequence
JOIN eventstore.stream AS h ON h.tenant = p.municipio_cod_ibge AND h.stream = p.stream
ORDER BY p.opened_at, p.conflict_id
