-- The intake appends by rows (eventstore/0004), and writes beside the log what is of the same commit, by rows too.

GRANT EXECUTE ON FUNCTION eventstore.append TO techdengue_intake;

CREATE TYPE techdengue.request_row AS (
    unit              integer,
    device_id         text,
    user_id           text,
    batch_id          text,
    received_at       timestamptz,
    clock_offset_us   bigint,
    operations        integer,
    applied           integer,
    client_applied    integer,
    merged            integer,
    server_kept       integer,
    no_change         integer,
    parked            integer,
    already_processed integer,
    refused           integer,
    error_codes       text[],
    municipios        text[]
);
COMMENT ON TYPE techdengue.request_row IS 'A sync request to log. `unit`: of its append; -1: it appends nothing.';
