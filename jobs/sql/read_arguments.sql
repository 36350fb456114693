-- The arguments of a run.
-- $1 run id.
SELECT arguments FROM jobs.run WHERE run_id = $1
