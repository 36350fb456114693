-- A page of runs, the newest first.
-- $1 queue, $2 job, $3 status, $4 município, each NULL for any; $5 the run to go on before, or NULL; $6 the largest number.
SELECT r.run_id, r.job, r.queue, r.status, r.origin, r.requested_by, r.municipio_cod_ibge, r.arguments, r.attempts,
       r.max_attempts, r.due_at, r.next_at, r.queued_at, r.started_at, r.finished_at, r.worker, r.error, r.counts,
       r.progress, r.cancel_requested
  FROM jobs.run AS r
 WHERE ($1::text IS NULL OR r.queue = $1)
   AND ($2::text IS NULL OR r.job = $2)
   AND ($3::text IS NULL OR r.status = $3)
   AND ($4::text IS NULL OR r.municipio_cod_ibge = $4)
   AND ($5::uuid IS NULL OR r.run_id < $5)
 ORDER BY r.run_id DESC
 LIMIT $6
