-- How many active targets users have. $1 users; $2 since when a device must have been seen.
SELECT count(*) FROM jobs.push_target AS t WHERE t.user_id = ANY ($1::text[]) AND t.seen_at >= $2
