-- A worker ends; with it go those that were not heard of for a day.
-- $1 worker.
DELETE FROM jobs.worker WHERE worker = $1 OR heartbeat_at < now() - interval '1 day'
