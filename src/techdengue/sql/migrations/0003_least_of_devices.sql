-- Readers need no push token, and devices are forgotten, never deleted.

REVOKE SELECT ON techdengue.device FROM techdengue_reader;
GRANT SELECT (device_id, owner, platform, model, app_version, registered_at, refreshed_at, forgotten_at)
    ON techdengue.device TO techdengue_reader;
REVOKE DELETE ON techdengue.device FROM techdengue_intake;
