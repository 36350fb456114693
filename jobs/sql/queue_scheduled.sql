-- Queue the run of a job and its due time, unless another scheduler has; no row where one has.
-- $1 run id, $2 job, $3 queue, $4 key: the due time as text, $5 origin, $6 most attempts, $7 due time, $8 how much later it
-- may start at the soonest.
WITH queued AS (
    INSERT INTO jobs.run (run_id, job, queue, key, origin, max_attempts, due_at, next_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $7::timestamptz + $8::interval)
        ON CONFLICT DO NOTHING
    RETURNING run_id
), remembered AS (
    UPDATE jobs.schedule AS s
       SET last_due_at = greatest(s.last_due_at, $7)
     WHERE s.job = $2
)
SELECT run_id FROM queued
