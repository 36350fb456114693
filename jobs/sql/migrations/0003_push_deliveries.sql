-- Pushes: what is to be delivered to which device, each once.

CREATE TABLE jobs.push_delivery (
    message_key   text        NOT NULL COLLATE "C",
    device_id     text        NOT NULL COLLATE "C",
    user_id       text        NOT NULL COLLATE "C",
    type          text        NOT NULL COLLATE "C",
    target_digest bytea       NOT NULL,
    state         text        NOT NULL COLLATE "C" DEFAULT 'reserved' CHECK (state IN (
                      'reserved', 'sent', 'unregistered', 'invalid_target', 'sender_mismatch', 'rejected', 'given_up',
                      'withdrawn')),
    attempts      integer     NOT NULL DEFAULT 0,
    last_outcome  text        COLLATE "C",
    reserved_at   timestamptz NOT NULL,
    expires_at    timestamptz NOT NULL,
    retry_at      timestamptz,
    claimed_until timestamptz,
    settled_at    timestamptz,
    PRIMARY KEY (message_key, device_id),
    CHECK ((state = 'reserved') = (settled_at IS NULL))
) WITH (fillfactor = 80);
CREATE INDEX push_delivery_target ON jobs.push_delivery (message_key, target_digest);
CREATE INDEX push_delivery_reserved_at ON jobs.push_delivery (reserved_at);
COMMENT ON TABLE jobs.push_delivery IS
    'A message to a device: reserved before it is sent, settled after. claimed_until: a worker may be sending it now. '
    'expires_at: of the message, the same for all its devices. target_digest: SHA-256 of the token or installation id.';

CREATE VIEW jobs.push_target WITH (security_invoker = true) AS
SELECT
    d.device_id, d.owner AS user_id, d.push_kind AS kind, d.push_token AS value,
    sha256(convert_to(d.push_token, 'UTF8')) AS digest,
    greatest(
        d.refreshed_at,
        (SELECT max(r.received_at) FROM techdengue.sync_request AS r WHERE r.device_id = d.device_id)
    ) AS seen_at
FROM techdengue.device AS d
WHERE d.push_token IS NOT NULL AND d.push_off_at IS NULL AND d.forgotten_at IS NULL;
COMMENT ON VIEW jobs.push_target IS 'Targets that are on. seen_at: when the device last registered or synced.';

GRANT SELECT, INSERT, UPDATE, DELETE ON jobs.push_delivery TO techdengue_jobs;
GRANT SELECT ON jobs.push_target TO techdengue_jobs;
GRANT UPDATE (push_token, push_off_at, push_off_reason) ON techdengue.device TO techdengue_jobs;
