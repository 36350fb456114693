-- Forgets deliveries of messages that were reserved before $1.
DELETE FROM jobs.push_delivery AS p WHERE p.reserved_at < $1
