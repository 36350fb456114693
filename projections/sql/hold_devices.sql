-- Locks device $1 and those that have push target $2, in the order in which everybody locks devices.
SELECT d.device_id FROM techdengue.device AS d
WHERE d.device_id = $1 OR (md5(d.push_token) = md5($2::text) AND d.push_token = $2::text)
ORDER BY d.device_id
FOR UPDATE
