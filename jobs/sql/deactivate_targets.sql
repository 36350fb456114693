-- Turns off the targets that FCM will not deliver to, unless the device has registered another one meanwhile.
-- In rows: $1 devices, $2 digests of their targets, $3 reasons. $4 now.
WITH refused AS (
    SELECT d.device_id, r.reason
    FROM unnest($1::text[], $2::bytea[], $3::text[]) AS r (device_id, digest, reason)
    JOIN techdengue.device AS d ON d.device_id = r.device_id
    WHERE d.push_off_at IS NULL AND sha256(convert_to(d.push_token, 'UTF8')) = r.digest
    ORDER BY d.device_id
    FOR UPDATE OF d
)
UPDATE techdengue.device AS d
SET push_off_at = $4, push_off_reason = refused.reason
FROM refused
WHERE d.device_id = refused.device_id
