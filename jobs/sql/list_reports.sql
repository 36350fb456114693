-- A page of reports, newest first; one whose run is a dead letter or was cancelled has failed. Every filter is NULL for any.
-- $1 municípios, $2 code, $3 status, $4 activity, $5 time and $6 id to go on below, or NULL; $7 the largest number.
SELECT
    r.report_id, r.code, s.status, r.municipio_cod_ibge, r.atividade_id, r.period_start, r.period_end, r.page_size,
    r.orientation, r.requested_by, r.requested_at, r.run_id, r.generated_at, r.root, r.leaves, r.bucket, r.object_key,
    r.size_bytes, r.sha256, r.json_key, r.archived_at, coalesce(r.failure, s.error) AS failure
FROM jobs.report AS r
LEFT JOIN jobs.run AS w ON w.run_id = r.run_id
CROSS JOIN LATERAL (
    SELECT
        CASE WHEN r.status = 'queued' AND w.status IN ('failed', 'cancelled') THEN 'failed' ELSE r.status END AS status,
        CASE WHEN r.status = 'queued' AND w.status IN ('failed', 'cancelled')
            THEN coalesce(w.error, 'the run was cancelled') END AS error
) AS s
WHERE ($1::text[] IS NULL OR r.municipio_cod_ibge = ANY ($1))
    AND ($2::text IS NULL OR r.code = $2)
    AND ($3::text IS NULL OR s.status = $3)
    AND ($4::text IS NULL OR r.atividade_id = $4)
    AND ($5::timestamptz IS NULL OR (r.requested_at, r.report_id) < ($5, $6::uuid))
ORDER BY r.requested_at DESC, r.report_id DESC
LIMIT $7
