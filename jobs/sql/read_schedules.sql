-- What is known of scheduled jobs, in the order given, and the time.
-- $1 jobs.
SELECT j.job, s.last_due_at, s.last_success_at, s.last_success, now() AS now
  FROM unnest($1::text[]) WITH ORDINALITY AS j (job, place)
  LEFT JOIN jobs.schedule AS s ON s.job = j.job
 ORDER BY j.place
