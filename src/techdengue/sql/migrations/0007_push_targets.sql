-- Where FCM finds a device: by a registration token or a Firebase installation id, off since when and why; and who its
-- owner was, to choose whom a message about a município is for.

ALTER TABLE techdengue.device
    ADD COLUMN push_off_at      timestamptz,
    ADD COLUMN push_off_reason  text COLLATE "C",
    ADD COLUMN owner_role       text COLLATE "C",
    ADD COLUMN owner_municipios text[];

UPDATE techdengue.device AS d SET push_kind = 'token' WHERE d.push_kind = 'fcm';

ALTER TABLE techdengue.device
    ADD CONSTRAINT device_push_kind CHECK (push_kind IN ('token', 'fid')),
    ADD CONSTRAINT device_push_value CHECK (push_token IS NULL OR push_kind IS NOT NULL),
    ADD CONSTRAINT device_push_off CHECK ((push_off_at IS NULL) = (push_off_reason IS NULL)),
    ADD CONSTRAINT device_push_off_reason
        CHECK (push_off_reason IN ('unregistered', 'invalid_target', 'sender_mismatch', 'moved', 'unseen'));

-- By digest: a token may be longer than what an index takes. Whoever looks compares the token itself too.
CREATE INDEX device_push_token ON techdengue.device (md5(push_token)) WHERE push_token IS NOT NULL;
CREATE INDEX device_of_manager ON techdengue.device USING gin (owner_municipios) WHERE owner_role = 'GESTOR';

COMMENT ON COLUMN techdengue.device.push_token IS
    'The token or installation id (push_kind), which no reader sees. Kept while it is off, so that the same one is known.';
COMMENT ON COLUMN techdengue.device.push_off_reason IS
    'Why nothing is sent to it: what FCM said of it, another device has it by now (moved), or nobody saw the device (unseen).';
COMMENT ON COLUMN techdengue.device.owner_role IS
    'Of the token with which the owner last registered the device; owner_municipios: its territory (`*`: all).';
