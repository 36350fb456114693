-- Reserves the delivery of messages to the active targets of their users, once for each device and each target.
-- In pairs: $1 message keys, $2 users; $3 their types, $4 their times to live. $5 now, $6 since when a device must have
-- been seen. A message that has deliveries already keeps its end.
INSERT INTO jobs.push_delivery AS p (message_key, device_id, user_id, type, target_digest, reserved_at, expires_at)
SELECT w.message_key, t.device_id, t.user_id, w.type, t.digest, $5::timestamptz, coalesce(first.expires_at, $5::timestamptz + w.ttl)
FROM unnest($1::text[], $2::text[], $3::text[], $4::interval[]) AS w (message_key, user_id, type, ttl)
JOIN jobs.push_target AS t ON t.user_id = w.user_id
LEFT JOIN LATERAL (
    SELECT e.expires_at FROM jobs.push_delivery AS e WHERE e.message_key = w.message_key LIMIT 1
) AS first ON true
WHERE t.seen_at >= $6
  AND NOT EXISTS (
      SELECT FROM jobs.push_delivery AS o
      WHERE o.message_key = w.message_key AND o.target_digest = t.digest AND o.state = 'sent'
  )
ORDER BY w.message_key, t.device_id
ON CONFLICT (message_key, device_id) DO NOTHING
