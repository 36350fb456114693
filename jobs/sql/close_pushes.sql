-- Settles what of message $1 can be delivered no more: past its end, to devices that have another user or no active
-- target, to others than users $2. $3 now, $4 since when a device must have been seen. Answers how each ended.
UPDATE jobs.push_delivery AS p
SET state = CASE WHEN p.expires_at <= $3 THEN 'given_up' ELSE 'withdrawn' END, settled_at = $3, claimed_until = NULL
WHERE p.message_key = $1 AND p.state = 'reserved'
  AND (p.claimed_until IS NULL OR p.claimed_until <= $3)
  AND (
      p.expires_at <= $3
      -- hashed, once for all rows: how many rows a new message has is nothing that the planner could know
      OR (p.device_id, p.user_id) NOT IN (
          SELECT t.device_id, t.user_id FROM jobs.push_target AS t
          WHERE t.user_id = ANY ($2::text[]) AND t.seen_at >= $4
      )
  )
RETURNING p.state
