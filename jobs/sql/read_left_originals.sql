-- Originals of archived reports that may still be there; at most 100. $1 after this report.
SELECT a.report_id, a.from_bucket, a.object_keys
FROM jobs.archived_report AS a
WHERE a.original_gone_at IS NULL AND a.report_id > $1::uuid
ORDER BY a.report_id
LIMIT 100
