-- Counts events by hour and município, with zeros for every hour of a município after its first one, and writes what is
-- new or has changed. What the server itself wrote (what it verified) is nobody's work, and not counted. Answers how many
-- rows that were. $1 the first hour, $2 the hour to end before.
WITH RECURSIVE known (municipio_cod_ibge, hour) AS (
    (
        SELECT m.municipio_cod_ibge, m.hour
        FROM projections.sync_metrics_hourly AS m
        ORDER BY m.municipio_cod_ibge, m.hour
        LIMIT 1
    )
    UNION ALL
    SELECT n.municipio_cod_ibge, n.hour
    FROM known AS k
    CROSS JOIN LATERAL (
        SELECT m.municipio_cod_ibge, m.hour
        FROM projections.sync_metrics_hourly AS m
        WHERE m.municipio_cod_ibge > k.municipio_cod_ibge
        ORDER BY m.municipio_cod_ibge, m.hour
        LIMIT 1
    ) AS n
),
counted AS MATERIALIZED (
    SELECT
        e.tenant,
        date_trunc('hour', e.recorded_at, 'UTC') AS hour,
        count(*) FILTER (WHERE e.outcome <> 'resolved') AS operations,
        count(*) FILTER (WHERE e.outcome = 'applied') AS applied,
        count(*) FILTER (WHERE e.outcome = 'client_applied') AS client_applied,
        count(*) FILTER (WHERE e.outcome = 'merged') AS merged,
        count(*) FILTER (WHERE e.outcome = 'server_kept') AS server_kept,
        count(*) FILTER (WHERE e.outcome = 'no_change') AS no_change,
        count(*) FILTER (WHERE e.outcome = 'conflict') AS conflicts,
        count(*) FILTER (WHERE e.outcome = 'resolved') AS resolved,
        count(DISTINCT e.stream) AS entities,
        count(DISTINCT e.writer) FILTER (WHERE sent.by_a_device) AS devices,
        count(DISTINCT e.actor) FILTER (WHERE sent.by_a_device) AS users,
        sum(octet_length(e.payload)) AS payload_bytes,
        percentile_disc(0.5) WITHIN GROUP (ORDER BY sent.waited) FILTER (WHERE sent.by_a_device) AS waited_seconds_p50,
        max(sent.waited) FILTER (WHERE sent.by_a_device) AS waited_seconds_max
    FROM eventstore.event AS e
    CROSS JOIN LATERAL (
        SELECT
            NOT starts_with(e.writer, 'console:') AS by_a_device,
            greatest(0, extract(EPOCH FROM e.recorded_at - e.occurred_at))::double precision AS waited
    ) AS sent
    WHERE e.recorded_at >= $1::timestamptz
        AND e.recorded_at < $2::timestamptz
        AND NOT starts_with(e.writer, 'server:')
    GROUP BY e.tenant, date_trunc('hour', e.recorded_at, 'UTC')
),
starting AS (
    SELECT s.municipio_cod_ibge, min(s.hour) AS hour
    FROM (
        SELECT k.municipio_cod_ibge, k.hour FROM known AS k
        UNION ALL
        SELECT c.tenant, c.hour FROM counted AS c
    ) AS s
    GROUP BY s.municipio_cod_ibge
),
written AS (
    INSERT INTO projections.sync_metrics_hourly AS t (
        municipio_cod_ibge, hour, operations, applied, client_applied, merged, server_kept, no_change, conflicts, resolved,
        entities, devices, users, payload_bytes, waited_seconds_p50, waited_seconds_max)
    SELECT
        s.municipio_cod_ibge, h.hour, coalesce(c.operations, 0), coalesce(c.applied, 0), coalesce(c.client_applied, 0),
        coalesce(c.merged, 0), coalesce(c.server_kept, 0), coalesce(c.no_change, 0), coalesce(c.conflicts, 0),
        coalesce(c.resolved, 0), coalesce(c.entities, 0), coalesce(c.devices, 0), coalesce(c.users, 0),
        coalesce(c.payload_bytes, 0), c.waited_seconds_p50, c.waited_seconds_max
    FROM starting AS s
    CROSS JOIN LATERAL generate_series(
        greatest(s.hour, $1::timestamptz), $2::timestamptz - interval '1 hour', interval '1 hour') AS h (hour)
    LEFT JOIN counted AS c ON c.tenant = s.municipio_cod_ibge AND c.hour = h.hour
    ON CONFLICT (municipio_cod_ibge, hour) DO UPDATE
    SET operations = excluded.operations,
        applied = excluded.applied,
        client_applied = excluded.client_applied,
        merged = excluded.merged,
        server_kept = excluded.server_kept,
        no_change = excluded.no_change,
        conflicts = excluded.conflicts,
        resolved = excluded.resolved,
        entities = excluded.entities,
        devices = excluded.devices,
        users = excluded.users,
        payload_bytes = excluded.payload_bytes,
        waited_seconds_p50 = excluded.waited_seconds_p50,
        waited_seconds_max = excluded.waited_seconds_max
    WHERE t IS DISTINCT FROM excluded
    RETURNING 1
)
SELECT count(*) FROM written
