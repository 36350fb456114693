-- Cancel a queued run; ask the worker of a running one to. No row where it has ended.
-- $1 run id.
UPDATE jobs.run AS r
   SET status = CASE WHEN r.status = 'queued' THEN 'cancelled' ELSE r.status END,
       finished_at = CASE WHEN r.status = 'queued' THEN now() END,
       cancel_requested = r.status = 'running'
 WHERE r.run_id = $1
   AND r.status IN ('queued', 'running')
RETURNING r.status
