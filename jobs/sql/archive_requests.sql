-- Records a part of a partition of the request log that is in the archive. $1 partition, $2 part, $3 bucket, $4 key, $5 first
-- id, $6 last id, $7 rows, $8 bytes, $9 SHA-256, $10 run, $11 time.
INSERT INTO jobs.archived_requests (
       partition, part, bucket, object_key, first_id, last_id, rows, size_bytes, sha256, run_id, archived_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
