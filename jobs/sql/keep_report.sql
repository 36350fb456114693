-- Makes a report ready, whether or not it was asked for before; answers nothing where it is ready already, or the order of another report.
-- $1 id, $2 code, $3 município, $4 activity, $5 and $6 first and last day, $7 page size, $8 orientation, $9 who asked, $10 when,
-- $11 its run, $12 when it was made, $13 digest of its content, $14 root, $15 number of leaves, $16 bucket, $17 key, $18 size,
-- $19 SHA-256, $20 key of the JSON.
INSERT INTO jobs.report AS r (
    report_id, code, municipio_cod_ibge, atividade_id, period_start, period_end, page_size, orientation, requested_by,
    requested_at, run_id, status, generated_at, content, root, leaves, bucket, object_key, size_bytes, sha256, json_key
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 'ready', $12, $13, $14, $15, $16, $17, $18, $19, $20)
ON CONFLICT (report_id) DO UPDATE SET
    status = 'ready', failure = NULL, run_id = excluded.run_id, generated_at = excluded.generated_at,
    content = excluded.content, root = excluded.root, leaves = excluded.leaves, bucket = excluded.bucket,
    object_key = excluded.object_key, size_bytes = excluded.size_bytes, sha256 = excluded.sha256,
    json_key = excluded.json_key
WHERE r.status <> 'ready'
    AND r.code = excluded.code
    AND r.municipio_cod_ibge = excluded.municipio_cod_ibge
    AND r.atividade_id IS NOT DISTINCT FROM excluded.atividade_id
    AND r.period_start IS NOT DISTINCT FROM excluded.period_start
RETURNING r.report_id
