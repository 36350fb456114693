-- Says that a partition of the request log is only in the archive now. $1 partition; $2 time.
UPDATE jobs.archived_requests AS a SET dropped_at = $2::timestamptz WHERE a.partition = $1 AND a.dropped_at IS NULL
