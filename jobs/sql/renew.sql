-- A worker says that it still has these runs; those that are not answered are not its own any more.
-- $1 run ids, $2 worker.
UPDATE jobs.run
   SET heartbeat_at = now()
 WHERE run_id = ANY ($1::uuid[])
   AND worker = $2
   AND status = 'running'
RETURNING run_id, cancel_requested
