-- Registers a device, or refreshes it if it belongs to this user; answers no row if it belongs to another one. A
-- forgotten device is anybody's.
-- $1 device, $2 user; then in pairs whether it was sent, and the value: $3 $4 push token, $5 $6 platform, $7 $8 model,
-- $9 $10 app version.
INSERT INTO techdengue.device AS d (device_id, owner, push_kind, push_token, platform, model, app_version)
VALUES (
    $1, $2,
    CASE WHEN $3::boolean AND $4::text IS NOT NULL THEN 'fcm' END,
    $4::text, $6::text, $8::text, $10::text
)
ON CONFLICT (device_id) DO UPDATE SET
    owner        = EXCLUDED.owner,
    push_kind    = CASE WHEN $3::boolean THEN EXCLUDED.push_kind ELSE d.push_kind END,
    push_token   = CASE WHEN $3::boolean THEN EXCLUDED.push_token ELSE d.push_token END,
    platform     = CASE WHEN $5::boolean THEN EXCLUDED.platform ELSE d.platform END,
    model        = CASE WHEN $7::boolean THEN EXCLUDED.model ELSE d.model END,
    app_version  = CASE WHEN $9::boolean THEN EXCLUDED.app_version ELSE d.app_version END,
    refreshed_at = now(),
    forgotten_at = NULL
WHERE d.owner = EXCLUDED.owner OR d.forgotten_at IS NOT NULL
RETURNING
    d.device_id, d.owner, d.platform, d.model, d.app_version, d.push_token IS NOT NULL AS has_push_token,
    d.registered_at, d.refreshed_at
