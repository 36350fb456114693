-- Queue a dead letter or a cancelled run again. No row where it is neither.
-- $1 run id, $2 how many attempts more.
UPDATE jobs.run AS r
   SET status = 'queued',
       max_attempts = r.attempts + $2,
       next_at = now(),
       finished_at = NULL,
       error = NULL,
       cancel_requested = false
 WHERE r.run_id = $1
   AND r.status IN ('failed', 'cancelled')
RETURNING r.run_id
