-- Forgets what a device told of itself; its owner stays, so that nobody else can take its name. $1 device.
UPDATE techdengue.device AS d
SET push_kind = NULL, push_token = NULL, platform = NULL, model = NULL, app_version = NULL, forgotten_at = now()
WHERE d.device_id = $1
RETURNING d.device_id
