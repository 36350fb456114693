-- A page of the trail, newest first. Each of these is NULL for any: $1 user, $2 device, $3 action, $4 outcome, $5 target
-- type, $6 target id, $7 município, $8 from this time on, $9 before this time; $10 id to go on below, or NULL; $11 the
-- largest number.
SELECT
    a.audit_id, a.at, a.user_id, a.role, a.device_id, a.action, a.target_type, a.target_id, a.municipios,
    host(a.address) AS address, a.request_id, a.outcome, a.status, a.code
FROM techdengue.audit AS a
WHERE ($1::text IS NULL OR a.user_id = $1)
    AND ($2::text IS NULL OR a.device_id = $2)
    AND ($3::text IS NULL OR a.action = $3)
    AND ($4::text IS NULL OR a.outcome = $4)
    AND ($5::text IS NULL OR a.target_type = $5)
    AND ($6::text IS NULL OR a.target_id = $6)
    AND ($7::text IS NULL OR a.municipios && ARRAY[$7, '*'])
    AND ($8::timestamptz IS NULL OR a.at >= $8)
    AND ($9::timestamptz IS NULL OR a.at < $9)
    AND ($10::bigint IS NULL OR a.audit_id < $10)
ORDER BY a.audit_id DESC
LIMIT $11
