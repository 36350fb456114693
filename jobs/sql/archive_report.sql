-- Says that a report's files are in the archive, where they are read from now on, and that the originals are to go.
-- $1 report; $2 bucket of the archive; $3 time; $4 the bucket that they were in; $5 keys; $6 run.
WITH moved AS (
    UPDATE jobs.report AS r
       SET bucket = $2::text, archived_at = $3::timestamptz
     WHERE r.report_id = $1::uuid AND r.archived_at IS NULL
    RETURNING r.report_id
)
INSERT INTO jobs.archived_report (report_id, from_bucket, to_bucket, object_keys, run_id, archived_at)
SELECT m.report_id, $4::text, $2::text, $5::text[], $6::uuid, $3::timestamptz
  FROM moved AS m
