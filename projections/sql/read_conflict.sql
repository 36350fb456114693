-- One conflict, with the event that was parked and the entity's head; as list_conflicts.sql has it. $1 id.
SELECT
    p.conflict_id, p.status, p.municipio_cod_ibge, p.stream, p.sequence, p.conflict_type, p.strategy, p.opened_at,
    p.choice, p.resolved_sequence, p.resolved_by, p.resolved_at, p.note,
    e.lane, e.position, e.version, e.type, e.writer, e.key, e.digest, e.actor, e.outcome, e.rule_set, e.occurred_at, e.recorded_at,
    e.payload, e.metadata,
    h.state, h.document, h.updated_at
FROM projections.conflict AS p
JOIN eventstore.event AS e ON e.tenant = p.municipio_cod_ibge AND e.stream = p.stream AND e.sequence = p.sequence
JOIN eventstore.stream AS h ON h.tenant = p.municipio_cod_ibge AND h.stream = p.stream
WHERE p.conflict_id = $1
