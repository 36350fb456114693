-- One run.
-- $1 run id.
SELECT r.run_id, r.job, r.queue, r.status, r.origin, r.requested_by, r.municipio_cod_ibge, r.arguments, r.attempts,
       r.max_attempts, r.due_at, r.next_at, r.queued_at, r.started_at, r.finished_at, r.worker, r.error, r.counts,
       r.progress, r.cancel_requested
  FROM jobs.run AS r
 WHERE r.run_id = $1
