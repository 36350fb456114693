-- Drops the push targets of devices that were not seen since $1. $2 now.
WITH unseen AS (
    SELECT d.device_id FROM techdengue.device AS d
    WHERE d.push_token IS NOT NULL AND d.refreshed_at < $1
      AND NOT EXISTS (
          SELECT FROM techdengue.sync_request AS r WHERE r.device_id = d.device_id AND r.received_at >= $1
      )
    ORDER BY d.device_id
    FOR UPDATE OF d
)
UPDATE techdengue.device AS d
SET push_token = NULL, push_off_at = coalesce(d.push_off_at, $2), push_off_reason = coalesce(d.push_off_reason, 'unseen')
FROM unseen
WHERE d.device_id = unseen.device_id
RETURNING d.device_id
