-- The rows of the live table that are not those of the temporary one: at most $2 of them. $1 projection.
SELECT d.key, d.reason, d.rows, d.differing FROM projections.compare($1, $2) AS d
