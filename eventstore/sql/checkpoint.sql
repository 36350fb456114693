-- How far a follower has come: 0 when it has not begun.
-- $1 its name.
SELECT coalesce((SELECT position FROM eventstore.checkpoint WHERE name = $1), 0)
