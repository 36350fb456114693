-- Queue the runs again whose worker was not heard of for a lease; the one that has had all its attempts is a dead letter, and
-- one whose cancelling was asked is cancelled.
-- $1 lease.
UPDATE jobs.run AS r
   SET status = CASE
                WHEN r.cancel_requested THEN 'cancelled'
                WHEN r.attempts >= r.max_attempts THEN 'failed'
                ELSE 'queued'
                END,
       next_at = now(),
       finished_at = CASE WHEN r.cancel_requested OR r.attempts >= r.max_attempts THEN now() END,
       heartbeat_at = NULL,
       error = 'WorkerLost: its worker was not heard of any more',
       cancel_requested = false
  FROM (
       SELECT o.run_id
         FROM jobs.run AS o
        WHERE o.status = 'running'
          AND o.heartbeat_at < now() - $1::interval
          FOR NO KEY UPDATE SKIP LOCKED
       ) AS over
 WHERE r.run_id = over.run_id
RETURNING r.run_id, r.job, r.queue, r.status
