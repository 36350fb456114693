-- How the deliveries of message $1 stand, by state, and when the next one is to be tried. $2 now.
SELECT p.state, count(*) AS deliveries, min(greatest(p.retry_at, p.claimed_until, $2::timestamptz)) AS next_at
FROM jobs.push_delivery AS p
WHERE p.message_key = $1
GROUP BY p.state
