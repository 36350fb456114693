-- The parked conflict $1, and how it was settled where it was: `version` is the entity's after that.
SELECT c.municipio_cod_ibge, c.stream, c.sequence, c.status, c.choice, c.resolved_by, c.resolved_at, c.note, e.version
  FROM projections.conflict AS c
  LEFT JOIN eventstore.event AS e
    ON e.tenant = c.municipio_cod_ibge AND e.stream = c.stream AND e.sequence = c.resolved_sequence
 WHERE c.conflict_id = $1
