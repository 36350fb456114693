-- The audit trail: who did what, to what, when and from where. Append-only, without gaps, in the order of commits.
--
-- Batches of devices are on disk as rows of techdengue.sync_request, written with their events; the auditor copies each
-- of them here once. Everything else is written here before it is answered.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'techdengue_auditor') THEN
        BEGIN
            CREATE ROLE techdengue_auditor NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS NOREPLICATION;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;  -- created in the meantime by another database's migration, with the same statement
        END;
    END IF;
END
$$;
GRANT USAGE ON SCHEMA techdengue TO techdengue_auditor;

CREATE TABLE techdengue.audit (
    audit_id    bigint      NOT NULL PRIMARY KEY,
    at          timestamptz NOT NULL,
    user_id     text        COLLATE "C",
    role        text        COLLATE "C",
    device_id   text        COLLATE "C",
    action      text        NOT NULL COLLATE "C",
    target_type text        COLLATE "C",
    target_id   text        COLLATE "C",
    municipios  text[]      NOT NULL DEFAULT '{}' COLLATE "C",
    address     inet,
    request_id  text        COLLATE "C",
    outcome     text        NOT NULL COLLATE "C",
    status      smallint    NOT NULL,
    code        text        COLLATE "C"
);
CREATE INDEX audit_at ON techdengue.audit (at);
CREATE INDEX audit_user ON techdengue.audit (user_id, audit_id);
CREATE INDEX audit_device ON techdengue.audit (device_id, audit_id);
CREATE INDEX audit_target ON techdengue.audit (target_type, target_id, audit_id);
COMMENT ON TABLE techdengue.audit IS
    'Who read or changed what. user_id is NULL where no good token named one; municipios is what was or could have been '
    'seen, {*} for all. No content of any document.';

CREATE TABLE techdengue.audit_head (
    position bigint NOT NULL CHECK (position >= 0)
) WITH (fillfactor = 10);
COMMENT ON TABLE techdengue.audit_head IS
    'One row: the last audit_id. Its row lock is what makes them gapless and in commit order.';
INSERT INTO techdengue.audit_head (position) VALUES (0);

CREATE TABLE techdengue.audit_cursor (
    name     text        NOT NULL COLLATE "C" PRIMARY KEY,
    position bigint      NOT NULL CHECK (position >= 0),
    moved_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);
COMMENT ON TABLE techdengue.audit_cursor IS
    'sync_request: the last request that is in the trail. syslog: the last entry that the collector has.';
INSERT INTO techdengue.audit_cursor (name, position) VALUES ('sync_request', 0), ('syslog', 0);

CREATE TYPE techdengue.audit_row AS (
    user_id     text,
    role        text,
    device_id   text,
    action      text,
    target_type text,
    target_id   text,
    municipios  text[],
    address     text,
    request_id  text,
    outcome     text,
    status      smallint,
    code        text
);
COMMENT ON TYPE techdengue.audit_row IS 'An entry as the server writes it.';


-- Append-only, for every role and for the owner, whatever the grants and session_replication_role say.

CREATE FUNCTION techdengue.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'techdengue.audit is append-only: % refused', TG_OP
        USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER audit_is_append_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON techdengue.audit
    FOR EACH STATEMENT EXECUTE FUNCTION techdengue.refuse_change();
ALTER TABLE techdengue.audit ENABLE ALWAYS TRIGGER audit_is_append_only;


-- A reader sees the entries that touch its territory; those of nobody's territory only who sees everything.

ALTER TABLE techdengue.audit ENABLE ROW LEVEL SECURITY;
ALTER TABLE techdengue.audit FORCE ROW LEVEL SECURITY;
CREATE POLICY municipios_of_the_reader ON techdengue.audit FOR SELECT TO techdengue_reader USING (
    (SELECT current_setting('eventstore.tenants', true)) = '*'
    OR municipios && (string_to_array((SELECT current_setting('eventstore.tenants', true)), ',') COLLATE "C")
    OR ('*' = ANY (municipios) AND (SELECT current_setting('eventstore.tenants', true)) <> '')
);
GRANT SELECT ON techdengue.audit TO techdengue_reader;

CREATE POLICY auditor_reads ON techdengue.audit FOR SELECT TO techdengue_auditor USING (true);
CREATE POLICY auditor_appends ON techdengue.audit FOR INSERT TO techdengue_auditor WITH CHECK (true);
GRANT SELECT, INSERT ON techdengue.audit TO techdengue_auditor;
GRANT SELECT, UPDATE ON techdengue.audit_head, techdengue.audit_cursor TO techdengue_auditor;


-- Where a batch came from.

ALTER TABLE techdengue.sync_request ADD COLUMN address inet;
COMMENT ON COLUMN techdengue.sync_request.address IS 'Of the device, as far as trusted proxies know it.';
GRANT SELECT ON techdengue.sync_request TO techdengue_auditor;
