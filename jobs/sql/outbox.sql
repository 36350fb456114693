-- What follows from commits and has not ended: how many runs, and the age of the oldest. By status, for each has its index.
SELECT count(*) AS pending,
       coalesce(extract(epoch FROM now() - min(o.queued_at)), 0)::float8 AS oldest_seconds
  FROM (
       SELECT q.queued_at FROM jobs.run AS q WHERE q.status = 'queued' AND q.origin = 'commit'
       UNION ALL
       SELECT w.queued_at FROM jobs.run AS w WHERE w.status = 'running' AND w.origin = 'commit'
       ) AS o
