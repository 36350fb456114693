-- Reports that are ready and have this id, this file or this root, newest first: what anybody may know of them.
-- $1 id, $2 SHA-256 of the file, $3 root; NULL for any, not all of them.
SELECT r.report_id, r.code, r.municipio_cod_ibge, r.generated_at, r.root, r.leaves, r.size_bytes, r.sha256
FROM jobs.report AS r
WHERE r.status = 'ready'
    AND ($1::uuid IS NULL OR r.report_id = $1)
    AND ($2::bytea IS NULL OR r.sha256 = $2)
    AND ($3::bytea IS NULL OR r.root = $3)
    AND num_nonnulls($1, $2, $3) > 0
ORDER BY r.generated_at DESC, r.report_id DESC
LIMIT 1
