-- Jobs with due runs that this worker does not know, and how many runs each.
-- $1 queues, $2 names of the jobs that it knows.
SELECT r.job, count(*) AS runs
  FROM jobs.run AS r
 WHERE r.queue = ANY ($1::text[])
   AND r.status = 'queued'
   AND r.next_at <= now()
   AND r.job <> ALL ($2::text[])
 GROUP BY r.job
