-- Settles what can be delivered no more: messages past their end, devices that have another user or no active target,
-- users whom a message is not for any more.
-- In pairs: $1 message keys, $2 users. $3 now, $4 since when a device must have been seen. Answers how each ended.
UPDATE jobs.push_delivery AS p
SET state = CASE WHEN p.expires_at <= $3 THEN 'given_up' ELSE 'withdrawn' END, settled_at = $3, claimed_until = NULL
WHERE p.message_key = ANY ($1::text[]) AND p.state = 'reserved'
  AND (p.claimed_until IS NULL OR p.claimed_until <= $3)
  AND (
      p.expires_at <= $3
      OR NOT EXISTS (
          SELECT FROM unnest($1::text[], $2::text[]) AS w (message_key, user_id)
          JOIN jobs.push_target AS t ON t.user_id = w.user_id
          WHERE w.message_key = p.message_key AND w.user_id = p.user_id
            AND t.device_id = p.device_id AND t.seen_at >= $4
      )
  )
RETURNING p.state
