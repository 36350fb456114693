-- A worker says that it lives.
-- $1 worker, $2 queues, $3 version, $4 how many runs it has.
INSERT INTO jobs.worker (worker, queues, version, running)
VALUES ($1, $2, $3, $4)
    ON CONFLICT (worker) DO UPDATE SET heartbeat_at = now(), running = excluded.running
