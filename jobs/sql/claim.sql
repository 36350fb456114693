-- Take due runs of a queue: each goes to one worker, and counts an attempt.
-- $1 queue, $2 names of the jobs that this worker knows, $3 at most so many, $4 worker.
-- MATERIALIZED: taken once whatever the plan is; in a join that is begun anew, SKIP LOCKED would take others each time.
WITH due AS MATERIALIZED (
    SELECT d.run_id
      FROM jobs.run AS d
     WHERE d.queue = $1
       AND d.status = 'queued'
       AND d.next_at <= now()
       AND d.job = ANY ($2::text[])
     ORDER BY d.next_at
     LIMIT $3
       FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE jobs.run AS r
   SET status = 'running',
       attempts = r.attempts + 1,
       started_at = now(),
       heartbeat_at = now(),
       worker = $4,
       progress = NULL
  FROM due
 WHERE r.run_id = due.run_id
RETURNING r.run_id, r.job, r.queue, r.arguments, r.attempts, r.max_attempts, r.due_at, r.queued_at, r.next_at,
          r.started_at, r.requested_by, r.municipio_cod_ibge
