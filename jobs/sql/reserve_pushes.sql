-- Reserves the delivery of message $1 to the active targets of users $2, once for each device and each target. $3 type,
-- $4 time to live, $5 now, $6 since when a device must have been seen. A message that has deliveries already keeps its end.
INSERT INTO jobs.push_delivery AS p (message_key, device_id, user_id, type, target_digest, reserved_at, expires_at)
SELECT
    $1::text, t.device_id, t.user_id, $3::text, t.digest, $5::timestamptz,
    coalesce(
        (SELECT e.expires_at FROM jobs.push_delivery AS e WHERE e.message_key = $1::text LIMIT 1),
        $5::timestamptz + $4::interval
    )
FROM jobs.push_target AS t
WHERE t.user_id = ANY ($2::text[]) AND t.seen_at >= $6
  AND NOT EXISTS (
      SELECT FROM jobs.push_delivery AS o
      WHERE o.message_key = $1::text AND o.target_digest = t.digest AND o.state = 'sent'
  )
ORDER BY t.device_id
ON CONFLICT (message_key, device_id) DO NOTHING
