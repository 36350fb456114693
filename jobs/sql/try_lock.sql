-- Whether this session now holds the lock of an exclusive job.
-- $1 job.
SELECT pg_try_advisory_lock(hashtextextended('jobs.' || $1::text, 0))
