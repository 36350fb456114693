-- Files that were given up and that the object store may still have, in order; at most 4,000. $1 after this one.
SELECT d.deletion_id, d.object_key, d.thumbnail_key
FROM jobs.deleted_file AS d
WHERE d.gone_at IS NULL AND d.deletion_id > $1::bigint
ORDER BY d.deletion_id
LIMIT 4000
