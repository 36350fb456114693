-- To whom devices belong, but for those that are forgotten or nobody's. $1 devices.
SELECT d.device_id, d.owner FROM techdengue.device AS d WHERE d.device_id = ANY ($1::text[]) AND d.forgotten_at IS NULL
