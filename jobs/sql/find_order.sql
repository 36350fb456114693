-- The report that somebody has ordered with a key.
-- $1 who, $2 the key.
SELECT r.report_id, r.code, r.municipio_cod_ibge, r.atividade_id, r.period_start, r.period_end, r.page_size, r.orientation
FROM jobs.report AS r
WHERE r.requested_by = $1 AND r.idempotency_key = $2
