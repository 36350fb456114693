-- Reports, and what each is made of. A report that is ready says for ever what it said when it was signed by its root:
-- only the place of its files may change, when they are archived.

CREATE TABLE jobs.report (
    report_id          uuid        NOT NULL PRIMARY KEY,
    code               text        NOT NULL COLLATE "C" CHECK (code IN ('EVD01', 'SEMANAL')),
    status             text        NOT NULL COLLATE "C" DEFAULT 'queued' CHECK (status IN ('queued', 'ready', 'failed')),
    municipio_cod_ibge text        NOT NULL COLLATE "C",
    atividade_id       text        COLLATE "C",
    period_start       date,
    period_end         date,
    page_size          text        NOT NULL COLLATE "C" CHECK (page_size IN ('A4', 'A1')),
    orientation        text        NOT NULL COLLATE "C" CHECK (orientation IN ('portrait', 'landscape')),
    requested_by       text        COLLATE "C",
    requested_at       timestamptz NOT NULL,
    run_id             uuid        NOT NULL,
    generated_at       timestamptz,
    content            bytea,
    root               bytea       CHECK (octet_length(root) = 32),
    leaves             integer     NOT NULL DEFAULT 0 CHECK (leaves >= 0),
    bucket             text,
    object_key         text        COLLATE "C",
    size_bytes         bigint      CHECK (size_bytes > 0),
    sha256             bytea       CHECK (octet_length(sha256) = 32),
    json_key           text        COLLATE "C",
    archived_at        timestamptz,
    failure            text,
    CHECK ((code = 'EVD01') = (atividade_id IS NOT NULL)),
    CHECK ((code = 'SEMANAL') = (period_start IS NOT NULL)),
    CHECK ((period_start IS NULL) = (period_end IS NULL)),
    CHECK ((status = 'failed') = (failure IS NOT NULL)),
    CHECK (status <> 'ready' OR num_nulls(generated_at, content, bucket, object_key, size_bytes, sha256) = 0),
    CHECK (status <> 'ready' OR code <> 'EVD01' OR (root IS NOT NULL AND leaves > 0))
);
CREATE INDEX ON jobs.report (municipio_cod_ibge, requested_at DESC, report_id DESC);
CREATE INDEX ON jobs.report (requested_at DESC, report_id DESC);
CREATE INDEX ON jobs.report (municipio_cod_ibge, atividade_id, generated_at DESC) WHERE code = 'EVD01';
CREATE INDEX ON jobs.report (municipio_cod_ibge, period_start, generated_at DESC) WHERE code = 'SEMANAL';
CREATE INDEX ON jobs.report (sha256) WHERE status = 'ready';
CREATE INDEX ON jobs.report (root) WHERE status = 'ready';
CREATE INDEX ON jobs.report (generated_at) WHERE status = 'ready' AND archived_at IS NULL;
COMMENT ON TABLE jobs.report IS 'A report that somebody asked for, or that a job made; requested_by is NULL where nobody asked.';
COMMENT ON COLUMN jobs.report.content IS 'SHA-256 of what the report says, without who asked and when: two reports of the same are recognised.';
COMMENT ON COLUMN jobs.report.root IS 'The Merkle tree''s root (RFC 6962) over the evidence, in jobs.report_leaf.';

CREATE TABLE jobs.report_leaf (
    report_id          uuid    NOT NULL REFERENCES jobs.report (report_id),
    ordinal            integer NOT NULL CHECK (ordinal >= 0),
    municipio_cod_ibge text    NOT NULL COLLATE "C",
    evidencia_id       text    NOT NULL COLLATE "C",
    object_key         text    NOT NULL COLLATE "C",
    record             bytea   NOT NULL,
    leaf_hash          bytea   NOT NULL CHECK (octet_length(leaf_hash) = 32),
    PRIMARY KEY (report_id, ordinal),
    UNIQUE (report_id, evidencia_id)
);
CREATE INDEX ON jobs.report_leaf (municipio_cod_ibge, evidencia_id);
COMMENT ON TABLE jobs.report_leaf IS
    'The evidence under a report''s root, in its order: files that are never deleted while the report can be asked about.';


CREATE FUNCTION jobs.keep_report() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF OLD.status = 'ready' AND (
        NEW.report_id, NEW.code, NEW.status, NEW.municipio_cod_ibge, NEW.atividade_id, NEW.period_start, NEW.period_end,
        NEW.requested_by, NEW.requested_at, NEW.generated_at, NEW.content, NEW.root, NEW.leaves, NEW.size_bytes, NEW.sha256
    ) IS DISTINCT FROM (
        OLD.report_id, OLD.code, OLD.status, OLD.municipio_cod_ibge, OLD.atividade_id, OLD.period_start, OLD.period_end,
        OLD.requested_by, OLD.requested_at, OLD.generated_at, OLD.content, OLD.root, OLD.leaves, OLD.size_bytes, OLD.sha256
    ) THEN
        RAISE EXCEPTION 'report % is ready: only the place of its files may change', OLD.report_id
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END
$$;
REVOKE ALL ON FUNCTION jobs.keep_report FROM PUBLIC;
CREATE TRIGGER report_is_kept BEFORE UPDATE ON jobs.report FOR EACH ROW EXECUTE FUNCTION jobs.keep_report();
ALTER TABLE jobs.report ENABLE ALWAYS TRIGGER report_is_kept;


-- Territory: as everywhere. Nobody may delete: leaves hold evidence in place.

ALTER TABLE jobs.report ENABLE ROW LEVEL SECURITY;
ALTER TABLE jobs.report FORCE ROW LEVEL SECURITY;
CREATE POLICY tenants_of_the_reader ON jobs.report FOR SELECT TO techdengue_reader USING (
    (SELECT current_setting('eventstore.tenants', true)) = '*'
    OR municipio_cod_ibge = ANY (string_to_array((SELECT current_setting('eventstore.tenants', true)), ','))
);
CREATE POLICY jobs_work ON jobs.report TO techdengue_jobs USING (true) WITH CHECK (true);

ALTER TABLE jobs.report_leaf ENABLE ROW LEVEL SECURITY;
ALTER TABLE jobs.report_leaf FORCE ROW LEVEL SECURITY;
CREATE POLICY tenants_of_the_reader ON jobs.report_leaf FOR SELECT TO techdengue_reader USING (
    (SELECT current_setting('eventstore.tenants', true)) = '*'
    OR municipio_cod_ibge = ANY (string_to_array((SELECT current_setting('eventstore.tenants', true)), ','))
);
CREATE POLICY jobs_work ON jobs.report_leaf TO techdengue_jobs USING (true) WITH CHECK (true);

GRANT SELECT, INSERT, UPDATE ON jobs.report TO techdengue_jobs;
GRANT SELECT, INSERT ON jobs.report_leaf TO techdengue_jobs;
GRANT SELECT ON jobs.report, jobs.report_leaf TO techdengue_reader;
