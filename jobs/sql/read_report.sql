-- One report; it has failed where its run is a dead letter or was cancelled.
-- $1 its id.
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
WHERE r.report_id = $1
