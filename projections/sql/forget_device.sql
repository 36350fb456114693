-- Forgets what a device told of itself; whoever registers it or syncs with it next has it. $1 device.
UPDATE techdengue.device AS d
SET push_kind = NULL, push_token = NULL, push_off_at = NULL, push_off_reason = NULL, platform = NULL, model = NULL,
    app_version = NULL, owner_role = NULL, owner_municipios = NULL, forgotten_at = now()
WHERE d.device_id = $1 AND d.forgotten_at IS NULL
RETURNING d.device_id
