-- What a device has in the log: the projection, and on top of it the events that the projection has not yet seen.
-- $1 device.
WITH place AS MATERIALIZED (
    SELECT coalesce((SELECT c.position FROM eventstore.checkpoint AS c WHERE c.name = 'device_status'), 0) AS position
),
counted AS (
    SELECT
        s.applied, s.client_applied, s.merged, s.server_kept, s.no_change, s.conflict, s.resolved,
        s.last_position, s.last_received_at, s.last_effective_time
    FROM projections.device_status AS s
    WHERE s.device_id = $1
    UNION ALL
    SELECT
        count(*) FILTER (WHERE e.outcome = 'applied'),
        count(*) FILTER (WHERE e.outcome = 'client_applied'),
        count(*) FILTER (WHERE e.outcome = 'merged'),
        count(*) FILTER (WHERE e.outcome = 'server_kept'),
        count(*) FILTER (WHERE e.outcome = 'no_change'),
        count(*) FILTER (WHERE e.outcome = 'conflict'),
        count(*) FILTER (WHERE e.outcome = 'resolved'),
        max(e.position), max(e.recorded_at), max(e.occurred_at)
    FROM eventstore.event AS e
    WHERE e.writer = $1 AND e.lane = 0 AND e.position > (SELECT p.position FROM place AS p)
),
total AS (
    SELECT
        coalesce(sum(c.applied), 0)::bigint AS applied,
        coalesce(sum(c.client_applied), 0)::bigint AS client_applied,
        coalesce(sum(c.merged), 0)::bigint AS merged,
        coalesce(sum(c.server_kept), 0)::bigint AS server_kept,
        coalesce(sum(c.no_change), 0)::bigint AS no_change,
        coalesce(sum(c.conflict), 0)::bigint AS conflict,
        coalesce(sum(c.resolved), 0)::bigint AS resolved,
        max(c.last_position) AS last_position,
        max(c.last_received_at) AS last_received_at,
        max(c.last_effective_time) AS last_effective_time
    FROM counted AS c
),
request AS (
    SELECT r.received_at, r.clock_offset_us
    FROM techdengue.sync_request AS r
    WHERE r.device_id = $1
    ORDER BY r.received_at DESC
    LIMIT 1
)
SELECT
    t.*,
    (SELECT d.owner FROM techdengue.device AS d WHERE d.device_id = $1) AS owner,
    (SELECT d.forgotten_at IS NULL FROM techdengue.device AS d WHERE d.device_id = $1) AS registered,
    (SELECT count(*) FROM projections.conflict AS c WHERE c.device_id = $1 AND c.status = 'open') AS open_conflicts,
    (SELECT r.received_at FROM request AS r) AS last_request_at,
    (SELECT r.clock_offset_us FROM request AS r) AS clock_offset_us,
    (
        SELECT coalesce(sum(r.refused), 0)::bigint
        FROM techdengue.sync_request AS r
        WHERE r.device_id = $1 AND r.received_at > now() - interval '1 day'
    ) AS errors_last_day
FROM total AS t
