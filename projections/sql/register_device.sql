-- Registers a device, or refreshes it if it belongs to this user; answers no row if it belongs to another one. A
-- forgotten device is anybody's.
-- $1 device, $2 user; $3 $4 $5 whether a push target was sent, its kind and value; then in pairs whether it was sent, and
-- the value: $6 $7 platform, $8 $9 model, $10 $11 app version; $12 $13 role and territory of the owner (NULL: somebody
-- else registers it). A target of which FCM has said that it is none stays off when it is sent again.
INSERT INTO techdengue.device AS d (
    device_id, owner, push_kind, push_token, platform, model, app_version, owner_role, owner_municipios
)
VALUES ($1, $2, $4::text, $5::text, $7::text, $9::text, $11::text, $12::text, $13::text[])
ON CONFLICT (device_id) DO UPDATE SET
    owner            = EXCLUDED.owner,
    push_kind        = CASE WHEN $3::boolean THEN EXCLUDED.push_kind ELSE d.push_kind END,
    push_token       = CASE WHEN $3::boolean THEN EXCLUDED.push_token ELSE d.push_token END,
    push_off_at      = CASE
        WHEN NOT $3::boolean THEN d.push_off_at
        WHEN (d.push_kind, d.push_token) = (EXCLUDED.push_kind, EXCLUDED.push_token)
             AND d.push_off_reason IN ('unregistered', 'invalid_target') THEN d.push_off_at
    END,
    push_off_reason  = CASE
        WHEN NOT $3::boolean THEN d.push_off_reason
        WHEN (d.push_kind, d.push_token) = (EXCLUDED.push_kind, EXCLUDED.push_token)
             AND d.push_off_reason IN ('unregistered', 'invalid_target') THEN d.push_off_reason
    END,
    platform         = CASE WHEN $6::boolean THEN EXCLUDED.platform ELSE d.platform END,
    model            = CASE WHEN $8::boolean THEN EXCLUDED.model ELSE d.model END,
    app_version      = CASE WHEN $10::boolean THEN EXCLUDED.app_version ELSE d.app_version END,
    owner_role       = coalesce(EXCLUDED.owner_role, d.owner_role),
    owner_municipios = coalesce(EXCLUDED.owner_municipios, d.owner_municipios),
    refreshed_at     = now(),
    forgotten_at     = NULL
WHERE d.owner = EXCLUDED.owner OR d.forgotten_at IS NOT NULL
RETURNING
    d.device_id, d.owner, d.platform, d.model, d.app_version, d.push_kind, d.push_token IS NOT NULL AS has_push_token,
    d.push_off_at, d.push_off_reason, d.registered_at, d.refreshed_at
