-- Give the lock of an exclusive job back.
-- $1 job.
SELECT pg_advisory_unlock(hashtextextended('jobs.' || $1::text, 0))
