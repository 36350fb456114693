-- How far a run has come, as its worker says; no row when the run is not its own any more.
-- $1 run id, $2 worker, $3 attempt, $4 progress.
UPDATE jobs.run
   SET progress = $4,
       heartbeat_at = now()
 WHERE run_id = $1
   AND worker = $2
   AND attempts = $3
   AND status = 'running'
RETURNING cancel_requested
