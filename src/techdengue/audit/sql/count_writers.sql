-- How many of these transactions go on. $1 virtual transaction ids, as find_requests answers them.
SELECT count(DISTINCT l.virtualtransaction)
FROM pg_catalog.pg_locks AS l
WHERE l.virtualtransaction = ANY ($1::text[])
