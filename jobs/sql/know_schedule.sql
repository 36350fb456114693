-- What is known of scheduled jobs, and the time; those that nobody has scheduled before are known from now on.
-- $1 jobs.
WITH added AS (
    INSERT INTO jobs.schedule (job)
    SELECT j.job FROM unnest($1::text[]) AS j (job)
        ON CONFLICT DO NOTHING
    RETURNING job, known_since, last_due_at
)
SELECT a.job, a.known_since, a.last_due_at, now() AS now FROM added AS a
UNION ALL
SELECT s.job, s.known_since, s.last_due_at, now() FROM jobs.schedule AS s WHERE s.job = ANY ($1::text[])
