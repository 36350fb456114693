-- Sync requests of a partition as JSON objects, in the order of ids. $1 its name; $2 after this id; $3 at most so many.
SELECT r.id, to_jsonb(r)::text AS line
FROM techdengue.sync_request AS r
WHERE r.received_at >= (SELECT p.from_at FROM techdengue.sync_request_partition AS p WHERE p.name = $1)
    AND r.received_at < (SELECT p.to_at FROM techdengue.sync_request_partition AS p WHERE p.name = $1)
    AND r.id > $2::bigint
ORDER BY r.id
LIMIT $3::integer
