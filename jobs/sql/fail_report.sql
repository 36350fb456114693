-- Says of a report why it will not be made.
-- $1 id, $2 why.
UPDATE jobs.report SET status = 'failed', failure = $2 WHERE report_id = $1 AND status <> 'ready'
