-- The log's last position, and how far the slowest of the named projections has come.
-- $1 names of projections.
SELECT
    coalesce((SELECT l.position FROM eventstore.lane AS l WHERE l.lane = 0), 0) AS tail,
    (
        SELECT min(coalesce(c.position, 0))
        FROM unnest($1::text[]) AS wanted (name)
        LEFT JOIN eventstore.checkpoint AS c ON c.name = wanted.name
    ) AS followed
