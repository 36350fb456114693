-- What follows from commits and has not ended: how many runs, and the age of the oldest.
SELECT count(*) AS pending,
       coalesce(extract(epoch FROM now() - min(r.queued_at)), 0)::float8 AS oldest_seconds
  FROM jobs.run AS r
 WHERE r.status IN ('queued', 'running')
   AND r.origin = 'commit'
