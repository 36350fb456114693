-- Reports that were made before a time and are not in the archive, in order; at most 100. $1 the time; $2 after this one.
SELECT r.report_id, r.bucket, r.object_key, r.json_key, r.sha256
FROM jobs.report AS r
WHERE r.status = 'ready'
    AND r.archived_at IS NULL
    AND r.generated_at < $1::timestamptz
    AND r.report_id > $2::uuid
ORDER BY r.report_id
LIMIT 100
