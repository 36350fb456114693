-- Takes push target $2 from every device but $1, which has it now: an app that was installed anew is another device.
UPDATE techdengue.device AS d
SET push_token = NULL, push_off_at = coalesce(d.push_off_at, now()), push_off_reason = coalesce(d.push_off_reason, 'moved')
WHERE d.device_id <> $1 AND md5(d.push_token) = md5($2::text) AND d.push_token = $2::text
