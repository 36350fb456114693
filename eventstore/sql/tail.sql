-- The last position of a lane: 0 when nothing was appended.
-- $1 lane.
SELECT coalesce((SELECT position FROM eventstore.lane WHERE lane = $1), 0)
