-- How many runs of these queues are where, and for how long the oldest due one could have started;
-- with the workers that were heard of within a minute.
-- $1 queues.
SELECT q.queue,
       (SELECT count(*) FROM jobs.run AS r
         WHERE r.queue = q.queue AND r.status = 'queued' AND r.next_at <= now()) AS due,
       (SELECT count(*) FROM jobs.run AS r
         WHERE r.queue = q.queue AND r.status = 'queued' AND r.next_at > now()) AS waiting,
       (SELECT count(*) FROM jobs.run AS r WHERE r.queue = q.queue AND r.status = 'running') AS running,
       (SELECT count(*) FROM jobs.run AS r WHERE r.queue = q.queue AND r.status = 'failed') AS failed,
       coalesce((SELECT extract(epoch FROM now() - min(r.next_at)) FROM jobs.run AS r
                  WHERE r.queue = q.queue AND r.status = 'queued' AND r.next_at <= now()), 0)::float8 AS oldest_seconds,
       (SELECT count(*) FROM jobs.worker AS w
         WHERE q.queue = ANY (w.queues) AND w.heartbeat_at > now() - interval '1 minute') AS workers
  FROM unnest($1::text[]) AS q (queue)
 ORDER BY q.queue
