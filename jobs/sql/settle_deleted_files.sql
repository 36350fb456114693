-- Records which files are gone, and which the object store has kept. $1 ids of all; $2 ids of those kept; $3 the time.
UPDATE jobs.deleted_file AS d
   SET gone_at = CASE WHEN d.deletion_id = ANY ($2::bigint[]) THEN NULL ELSE $3::timestamptz END,
       refusals = d.refusals + CASE WHEN d.deletion_id = ANY ($2::bigint[]) THEN 1 ELSE 0 END
 WHERE d.deletion_id = ANY ($1::bigint[]) AND d.gone_at IS NULL
