-- How old the event after position $1 is, in seconds; NULL when there is none.
SELECT extract(epoch FROM clock_timestamp() - e.recorded_at)::float8
FROM eventstore.event AS e
WHERE e.lane = 0 AND e.position = $1 + 1
