-- What of a partition of the request log is in the archive, in order. $1 partition.
SELECT a.part, a.bucket, a.object_key, a.last_id, a.rows, a.sha256
FROM jobs.archived_requests AS a
WHERE a.partition = $1
ORDER BY a.part
