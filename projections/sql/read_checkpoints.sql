-- The last position of the log, and where each of the followers $1 stands (0: it has not begun).
SELECT
    f.name,
    coalesce(c.position, 0) AS position,
    coalesce((SELECT l.position FROM eventstore.lane AS l WHERE l.lane = 0), 0) AS tail
FROM unnest($1::text[]) AS f (name)
LEFT JOIN eventstore.checkpoint AS c ON c.name = f.name
