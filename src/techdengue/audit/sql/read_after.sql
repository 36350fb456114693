-- The trail after an entry, oldest first. $1 its id; $2 the largest number.
SELECT
    a.audit_id, a.at, a.user_id, a.role, a.device_id, a.action, a.target_type, a.target_id, a.municipios,
    host(a.address) AS address, a.request_id, a.outcome, a.status, a.code
FROM techdengue.audit AS a
WHERE a.audit_id > $1::bigint
ORDER BY a.audit_id
LIMIT $2::integer
