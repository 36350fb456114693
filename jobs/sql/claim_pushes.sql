-- Claims deliveries of message $1 to users $2 that are to be sent now, so that nobody else sends them; answers them with
-- their targets. $3 now, $4 until when they are ours, $5 at most so many, $6 since when a device must have been seen.
WITH due AS (
    SELECT p.message_key, p.device_id, t.kind, t.value, t.digest
    FROM jobs.push_delivery AS p
    JOIN jobs.push_target AS t ON t.device_id = p.device_id AND t.user_id = p.user_id
    WHERE p.message_key = $1 AND p.user_id = ANY ($2::text[]) AND p.state = 'reserved' AND p.expires_at > $3
      AND t.seen_at >= $6
      AND (p.retry_at IS NULL OR p.retry_at <= $3)
      AND (p.claimed_until IS NULL OR p.claimed_until <= $3)
    ORDER BY p.message_key, p.device_id
    LIMIT $5
    FOR UPDATE OF p SKIP LOCKED
)
UPDATE jobs.push_delivery AS p
SET claimed_until = $4, retry_at = NULL, attempts = p.attempts + 1
FROM due
WHERE p.message_key = due.message_key AND p.device_id = due.device_id
RETURNING p.device_id, p.user_id, p.attempts, p.expires_at, due.kind, due.value, due.digest
