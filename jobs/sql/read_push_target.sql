-- The push target of device $1, also one that is off, and when the device last registered or synced.
SELECT
    d.owner AS user_id, d.push_kind AS kind, d.push_token AS value, d.push_off_at AS off_at, d.push_off_reason AS reason,
    greatest(
        d.refreshed_at,
        (SELECT max(r.received_at) FROM techdengue.sync_request AS r WHERE r.device_id = d.device_id)
    ) AS seen_at
FROM techdengue.device AS d
WHERE d.device_id = $1 AND d.forgotten_at IS NULL
