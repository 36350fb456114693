-- What of a partition of the request log is in the archive, in order; not of one of its name that was dropped before.
-- $1 partition.
SELECT a.part, a.bucket, a.object_key, a.last_id, a.rows, a.sha256
FROM jobs.archived_requests AS a
WHERE a.partition = $1
    AND a.dropped_at IS NULL
ORDER BY a.part
