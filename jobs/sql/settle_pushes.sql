-- Writes what became of claimed deliveries of message $1. In rows: $2 devices, $3 states (`reserved`: to be tried again),
-- $4 outcomes (NULL: it was not tried), $5 when to try again, $6 digests of the targets. $7 now.
UPDATE jobs.push_delivery AS p
SET state = a.state, last_outcome = coalesce(a.outcome, p.last_outcome), retry_at = a.retry_at,
    target_digest = a.digest, claimed_until = NULL,
    attempts = CASE WHEN a.outcome IS NULL THEN p.attempts - 1 ELSE p.attempts END,
    settled_at = CASE WHEN a.state = 'reserved' THEN NULL ELSE $7::timestamptz END
FROM unnest($2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::bytea[])
     AS a (device_id, state, outcome, retry_at, digest)
WHERE p.message_key = $1 AND p.device_id = a.device_id AND p.state = 'reserved'
