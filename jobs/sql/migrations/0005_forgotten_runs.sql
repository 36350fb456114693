-- Runs that ended well long ago are deleted; dead letters stay until somebody has seen to them.

GRANT DELETE ON jobs.run TO techdengue_jobs;
CREATE INDEX run_ended ON jobs.run (finished_at) WHERE status IN ('succeeded', 'cancelled');
