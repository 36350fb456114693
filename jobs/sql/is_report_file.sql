-- Whether a report's file is under this key.
-- $1 the report, $2 the key.
SELECT EXISTS (SELECT FROM jobs.report AS r WHERE r.report_id = $1 AND r.object_key = $2)
