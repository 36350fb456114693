-- Where the file of each evidencia is, and what is known of it beside the log (docs/evidence.md, docs/decisions/0018).
--
-- That a file was verified is an event of the log; this table is written in the same statement, and says where the bytes
-- are. A row is one upload: another one of the same evidencia takes its place, under another key.

CREATE TABLE techdengue.evidence_file (
    municipio_cod_ibge  text             NOT NULL COLLATE "C",
    evidencia_id        text             NOT NULL COLLATE "C",
    object_key          text             NOT NULL COLLATE "C" UNIQUE,
    size_bytes          bigint           NOT NULL CHECK (size_bytes > 0),
    hash_sha256         text             NOT NULL COLLATE "C" CHECK (hash_sha256 ~ '^[0-9a-f]{64}$'),
    content_type        text             NOT NULL COLLATE "C",
    multipart_upload_id text             COLLATE "C",
    status              text             NOT NULL COLLATE "C" DEFAULT 'uploading'
                        CHECK (status IN ('uploading', 'verified', 'refused', 'deleted')),
    started_at          timestamptz      NOT NULL DEFAULT now(),
    started_by          text             NOT NULL COLLATE "C",
    verified_at         timestamptz,
    verified_by         text             COLLATE "C",
    sniffed_type        text             COLLATE "C",
    refusal             text             COLLATE "C",
    deleted_at          timestamptz,
    thumbnail_key       text             COLLATE "C",
    width               integer,
    height              integer,
    captured_at         timestamptz,
    longitude           double precision,
    latitude            double precision,
    orientation         smallint,
    flags               text[]           NOT NULL DEFAULT '{}',
    described_at        timestamptz,
    PRIMARY KEY (municipio_cod_ibge, evidencia_id),
    CHECK (status <> 'verified' OR (verified_at IS NOT NULL AND verified_by IS NOT NULL)),
    CHECK ((status = 'refused') = (refusal IS NOT NULL)),
    CHECK ((status = 'deleted') = (deleted_at IS NOT NULL))
);
CREATE INDEX evidence_file_unfinished ON techdengue.evidence_file (started_at) WHERE status IN ('uploading', 'refused');
CREATE INDEX evidence_file_thumbnail ON techdengue.evidence_file (thumbnail_key) WHERE thumbnail_key IS NOT NULL;
COMMENT ON TABLE techdengue.evidence_file IS
    'The file of an evidencia: uploading until it is complete, then verified or refused; deleted once its bytes are gone. '
    'object_key is the server''s choice. content_type is as declared, sniffed_type as the bytes say. width to flags are '
    'what the job describe_evidence found; captured_at is the camera''s clock, read as that of Cuiaba where it names no zone.';

ALTER TABLE techdengue.evidence_file ENABLE ROW LEVEL SECURITY;
ALTER TABLE techdengue.evidence_file FORCE ROW LEVEL SECURITY;
CREATE POLICY tenants_of_the_reader ON techdengue.evidence_file FOR SELECT TO techdengue_reader USING (
    (SELECT current_setting('eventstore.tenants', true)) = '*' OR municipio_cod_ibge =
    ANY (string_to_array((SELECT current_setting('eventstore.tenants', true)), ',')));
CREATE POLICY intake_writes ON techdengue.evidence_file TO techdengue_intake USING (true) WITH CHECK (true);
CREATE POLICY jobs_work ON techdengue.evidence_file TO techdengue_jobs USING (true) WITH CHECK (true);

GRANT SELECT ON techdengue.evidence_file TO techdengue_reader;
GRANT SELECT, INSERT, UPDATE ON techdengue.evidence_file TO techdengue_intake;
GRANT SELECT, UPDATE, DELETE ON techdengue.evidence_file TO techdengue_jobs;

CREATE TYPE techdengue.verified_row AS (
    unit               integer,
    municipio_cod_ibge text,
    evidencia_id       text,
    object_key         text,
    sniffed_type       text,
    verified_by        text,
    verified_at        timestamptz
);
COMMENT ON TYPE techdengue.verified_row IS 'A file whose verification is an event of the append. `unit`: of its append.';

CREATE FUNCTION techdengue.mark_verified(verified techdengue.verified_row[], moved integer[]) RETURNS void
LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    wanted bigint;
    marked bigint;
BEGIN
    IF cardinality(verified) = 0 THEN
        RETURN;
    END IF;
    SELECT count(DISTINCT c.object_key) INTO wanted
      FROM unnest(verified) AS c
     WHERE c.unit <> ALL (moved);
    UPDATE techdengue.evidence_file AS f
       SET status = 'verified',
           verified_at = coalesce(f.verified_at, c.verified_at),
           verified_by = coalesce(f.verified_by, c.verified_by),
           sniffed_type = c.sniffed_type,
           multipart_upload_id = NULL
      FROM unnest(verified) AS c
     WHERE c.unit <> ALL (moved)
       AND f.municipio_cod_ibge = c.municipio_cod_ibge
       AND f.evidencia_id = c.evidencia_id
       AND f.object_key = c.object_key
       AND f.status IN ('uploading', 'verified');
    GET DIAGNOSTICS marked = ROW_COUNT;
    IF marked <> wanted THEN
        RAISE EXCEPTION 'an upload was given up before its verification was recorded' USING ERRCODE = 'TD001';
    END IF;
END
$$;
COMMENT ON FUNCTION techdengue.mark_verified IS
    'Marks the files whose verification an append records, but those of units that moved; fails the append where one of '
    'them is no longer there. Called by the intake in the statement that appends.';
REVOKE ALL ON FUNCTION techdengue.mark_verified FROM PUBLIC;
GRANT EXECUTE ON FUNCTION techdengue.mark_verified TO techdengue_intake;
