-- Adds the events of a piece of the log to what each device had.
-- $1 rows of projections.device_status_row: of each device, how many events of each outcome; last position, latest
-- receipt, latest effective time.
INSERT INTO projections.device_status AS t (
    device_id, municipio_cod_ibge, user_id, applied, client_applied, merged, server_kept, no_change, conflict, resolved,
    last_position, last_received_at, last_effective_time
)
SELECT
    n.device_id, n.municipio_cod_ibge, n.user_id, n.applied, n.client_applied, n.merged, n.server_kept, n.no_change,
    n.conflict, n.resolved, n.last_position, n.last_received_at, n.last_effective_time
FROM unnest($1::projections.device_status_row[]) AS n
ON CONFLICT (device_id, municipio_cod_ibge) DO UPDATE SET
    user_id             = EXCLUDED.user_id,
    applied             = t.applied + EXCLUDED.applied,
    client_applied      = t.client_applied + EXCLUDED.client_applied,
    merged              = t.merged + EXCLUDED.merged,
    server_kept         = t.server_kept + EXCLUDED.server_kept,
    no_change           = t.no_change + EXCLUDED.no_change,
    conflict            = t.conflict + EXCLUDED.conflict,
    resolved            = t.resolved + EXCLUDED.resolved,
    last_position       = EXCLUDED.last_position,
    last_received_at    = greatest(t.last_received_at, EXCLUDED.last_received_at),
    last_effective_time = greatest(t.last_effective_time, EXCLUDED.last_effective_time)
