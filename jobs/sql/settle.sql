-- How an attempt ended, said by the worker that has it; no row when it has it no more. A run that was to be queued again and
-- whose cancelling was asked is cancelled. A success of a scheduled job is remembered with its schedule.
-- $1 run id, $2 worker, $3 attempt, $4 status, $5 how long until it may be tried again, $6 attempts given back (0 or 1),
-- $7 error or NULL, $8 counts.
WITH settled AS (
    UPDATE jobs.run AS r
       SET status = CASE WHEN $4 = 'queued' AND r.cancel_requested THEN 'cancelled' ELSE $4 END,
           attempts = r.attempts - $6,
           next_at = CASE WHEN $4 = 'queued' THEN now() + $5::interval ELSE r.next_at END,
           finished_at = CASE WHEN $4 = 'queued' AND NOT r.cancel_requested THEN NULL ELSE now() END,
           heartbeat_at = NULL,
           error = $7,
           counts = $8,
           cancel_requested = false
     WHERE r.run_id = $1
       AND r.worker = $2
       AND r.attempts = $3
       AND r.status = 'running'
    RETURNING r.run_id, r.job, r.status
), remembered AS (
    UPDATE jobs.schedule AS s
       SET last_success_at = now(),
           last_success = d.run_id
      FROM settled AS d
     WHERE s.job = d.job
       AND d.status = 'succeeded'
)
SELECT status FROM settled
