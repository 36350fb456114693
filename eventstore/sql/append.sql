-- Appends units of events, each whole or not at all (migrations/0004_append_rows.sql says how).
-- $1 lane; $2 events, $3 heads, $4 writers: the rows of `append_rows`.
SELECT
    first_position,
    moved
FROM eventstore.append($1, $2, $3, $4)
