-- Devices and the log of their requests: operational, no part of the event log.

GRANT USAGE ON SCHEMA techdengue TO techdengue_intake, techdengue_reader, techdengue_projector;
GRANT SELECT ON techdengue.migration TO techdengue_intake, techdengue_reader, techdengue_projector;

CREATE TABLE techdengue.device (
    device_id     text        NOT NULL COLLATE "C" PRIMARY KEY,
    owner         text        NOT NULL COLLATE "C",
    platform      text,
    model         text,
    app_version   text,
    push_kind     text,
    push_token    text,
    registered_at timestamptz NOT NULL DEFAULT now(),
    refreshed_at  timestamptz NOT NULL DEFAULT now(),
    forgotten_at  timestamptz
);
CREATE INDEX device_owner ON techdengue.device (owner);
COMMENT ON TABLE techdengue.device IS 'A device belongs to the user who first registers it.';

CREATE TABLE techdengue.sync_request (
    id                bigint      NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device_id         text        NOT NULL COLLATE "C",
    user_id           text        NOT NULL COLLATE "C",
    batch_id          text,
    received_at       timestamptz NOT NULL,
    clock_offset_us   bigint,
    operations        integer     NOT NULL DEFAULT 0,
    applied           integer     NOT NULL DEFAULT 0,
    client_applied    integer     NOT NULL DEFAULT 0,
    merged            integer     NOT NULL DEFAULT 0,
    server_kept       integer     NOT NULL DEFAULT 0,
    no_change         integer     NOT NULL DEFAULT 0,
    parked            integer     NOT NULL DEFAULT 0,
    already_processed integer     NOT NULL DEFAULT 0,
    refused           integer     NOT NULL DEFAULT 0,
    error_codes       text[]      NOT NULL DEFAULT '{}',
    municipios        text[]      NOT NULL DEFAULT '{}'
);
CREATE INDEX sync_request_device ON techdengue.sync_request (device_id, received_at DESC);
COMMENT ON TABLE techdengue.sync_request IS
    'One row per accepted sync request. Operations are counted once: by outcome, as already processed, or as refused.';

GRANT SELECT, INSERT, UPDATE, DELETE ON techdengue.device TO techdengue_intake;
GRANT INSERT ON techdengue.sync_request TO techdengue_intake;
GRANT SELECT ON techdengue.device, techdengue.sync_request TO techdengue_reader;
