-- Delete some of the runs that succeeded or were cancelled so long ago; dead letters stay.
-- $1 how long ago, $2 at most so many.
WITH old AS MATERIALIZED (  -- at most so many whatever the plan is: see claim.sql
    SELECT o.run_id
      FROM jobs.run AS o
     WHERE o.status IN ('succeeded', 'cancelled')
       AND o.finished_at < now() - $1::interval
     ORDER BY o.finished_at
     LIMIT $2
       FOR UPDATE SKIP LOCKED
)
DELETE FROM jobs.run AS r
 USING old
 WHERE r.run_id = old.run_id
RETURNING r.run_id
