-- Partitions of the request log that ended at a time or before it, oldest first. $1 the time.
SELECT p.name
FROM techdengue.sync_request_partition AS p
WHERE p.to_at <= $1::timestamptz
ORDER BY p.to_at
