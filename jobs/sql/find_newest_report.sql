-- The newest report that is ready, of an activity or of a week.
-- $1 município, $2 code, $3 the activity or NULL, $4 the week's first day or NULL.
SELECT r.report_id, r.content
FROM jobs.report AS r
WHERE r.municipio_cod_ibge = $1
    AND r.code = $2
    AND r.status = 'ready'
    AND r.atividade_id IS NOT DISTINCT FROM $3
    AND r.period_start IS NOT DISTINCT FROM $4
ORDER BY r.generated_at DESC, r.report_id DESC
LIMIT 1
