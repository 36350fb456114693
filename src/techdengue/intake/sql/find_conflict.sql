-- The parked conflict $1, and how it was settled where it was.
SELECT municipio_cod_ibge, stream, sequence, status, choice, resolved_by, resolved_at, resolved_sequence, note
  FROM projections.conflict
 WHERE conflict_id = $1
