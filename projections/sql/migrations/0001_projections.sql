-- The tables that people query, each rebuilt from the log at any time, and how a rebuilt one takes the live one's place.
--
-- A projection is one table of its own name. Territory is row-level security as in the event store; the projector sees and
-- writes all, the intake writes open and settled conflicts with its events. Tables are swapped by functions that run with
-- their owner's rights and know only the names below, so that no role of the server owns anything.

CREATE SCHEMA projections;
CREATE SCHEMA projections_next;
GRANT USAGE ON SCHEMA projections TO techdengue_intake, techdengue_reader, techdengue_projector;
GRANT USAGE ON SCHEMA projections_next TO techdengue_projector;

CREATE TABLE projections.log (
    id uuid NOT NULL PRIMARY KEY DEFAULT gen_random_uuid()
);
COMMENT ON TABLE projections.log IS 'One row: the identity of this log, so that a cursor of another one is recognised.';
INSERT INTO projections.log DEFAULT VALUES;
GRANT SELECT ON projections.log TO techdengue_reader, techdengue_projector;

CREATE TABLE projections.entity (
    municipio_cod_ibge text        NOT NULL COLLATE "C",
    entity_type        text        NOT NULL COLLATE "C",
    entity_id          text        NOT NULL COLLATE "C",
    version            bigint      NOT NULL,
    deleted            boolean     NOT NULL,
    data               jsonb,
    created_at         timestamptz NOT NULL,
    created_by         text        NOT NULL COLLATE "C",
    updated_at         timestamptz NOT NULL,
    updated_by         text        NOT NULL COLLATE "C",
    updated_from       text        NOT NULL COLLATE "C",
    PRIMARY KEY (municipio_cod_ibge, entity_type, entity_id)
);
CREATE INDEX ON projections.entity (entity_type, updated_at);
COMMENT ON TABLE projections.entity IS 'Every entity in its newest state; data is NULL when it is deleted. Times are effective times.';

CREATE TABLE projections.conflict (
    conflict_id        uuid        NOT NULL PRIMARY KEY,
    municipio_cod_ibge text        NOT NULL COLLATE "C",
    entity_type        text        NOT NULL COLLATE "C",
    entity_id          text        NOT NULL COLLATE "C",
    stream             text        NOT NULL COLLATE "C",
    sequence           bigint      NOT NULL,
    conflict_type      text        NOT NULL COLLATE "C",
    strategy           text        NOT NULL COLLATE "C" DEFAULT 'manual',
    device_id          text        NOT NULL COLLATE "C",
    user_id            text        NOT NULL COLLATE "C",
    opened_at          timestamptz NOT NULL,
    status             text        NOT NULL COLLATE "C" DEFAULT 'open' CHECK (status IN ('open', 'resolved')),
    resolved_sequence  bigint,
    choice             text        COLLATE "C",
    resolved_by        text        COLLATE "C",
    resolved_at        timestamptz,
    note               text,
    CHECK ((status = 'open') = (resolved_sequence IS NULL))
);
CREATE INDEX ON projections.conflict (municipio_cod_ibge, status, opened_at, conflict_id);
CREATE INDEX ON projections.conflict (status, opened_at, conflict_id);
CREATE INDEX ON projections.conflict (device_id) WHERE status = 'open';
COMMENT ON TABLE projections.conflict IS
    'Parked operations. Written by the intake in the statement that appends them; opened_at and resolved_at are recorded_at.';

CREATE TABLE projections.atividade (
    municipio_cod_ibge  text        NOT NULL COLLATE "C",
    atividade_id        text        NOT NULL COLLATE "C",
    version             bigint      NOT NULL,
    deleted             boolean     NOT NULL,
    municipio_nome      text,
    tipo                text,
    status              text,
    origem              text,
    descricao           text,
    longitude           double precision,
    latitude            double precision,
    altitude            double precision,
    usuario_responsavel text,
    usuario_criacao     text        NOT NULL,
    iniciado_em         timestamptz,
    encerrado_em        timestamptz,
    inicio_efetivo      timestamptz,
    fim_efetivo         timestamptz,
    criado_em           timestamptz NOT NULL,
    atualizado_em       timestamptz NOT NULL,
    metadata            jsonb,
    PRIMARY KEY (municipio_cod_ibge, atividade_id)
);
CREATE INDEX ON projections.atividade (municipio_cod_ibge, status, tipo);
CREATE INDEX ON projections.atividade (atualizado_em);
COMMENT ON TABLE projections.atividade IS
    'Activities for reports and maps. iniciado_em, encerrado_em as the device gave them; inicio_efetivo, fim_efetivo the first '
    'start and end that took effect. A deleted one keeps its last values.';

CREATE TABLE projections.evidencia (
    municipio_cod_ibge text        NOT NULL COLLATE "C",
    evidencia_id       text        NOT NULL COLLATE "C",
    version            bigint      NOT NULL,
    deleted            boolean     NOT NULL,
    municipio_nome     text,
    atividade_id       text        COLLATE "C",
    tipo               text,
    status             text,
    hash_sha256        text,
    tamanho_bytes      bigint,
    content_type       text,
    descricao          text,
    usuario_criacao    text        NOT NULL,
    concluida_em       timestamptz,
    criado_em          timestamptz NOT NULL,
    atualizado_em      timestamptz NOT NULL,
    metadata           jsonb,
    PRIMARY KEY (municipio_cod_ibge, evidencia_id)
);
CREATE INDEX ON projections.evidencia (municipio_cod_ibge, atividade_id);
COMMENT ON TABLE projections.evidencia IS
    'Evidence for reports. concluida_em is when the first verified upload took effect. A deleted one keeps its last values.';

CREATE TABLE projections.device_status (
    device_id           text        NOT NULL COLLATE "C",
    municipio_cod_ibge  text        NOT NULL COLLATE "C",
    user_id             text        NOT NULL COLLATE "C",
    applied             bigint      NOT NULL,
    client_applied      bigint      NOT NULL,
    merged              bigint      NOT NULL,
    server_kept         bigint      NOT NULL,
    no_change           bigint      NOT NULL,
    conflict            bigint      NOT NULL,
    resolved            bigint      NOT NULL,
    last_position       bigint      NOT NULL,
    last_received_at    timestamptz NOT NULL,
    last_effective_time timestamptz NOT NULL,
    PRIMARY KEY (device_id, municipio_cod_ibge)
);
COMMENT ON TABLE projections.device_status IS 'What each device has in the log, by outcome and município.';

CREATE TABLE projections.definition (
    name              text    NOT NULL PRIMARY KEY,
    key               text[]  NOT NULL,
    written_by_intake boolean NOT NULL
);
COMMENT ON TABLE projections.definition IS 'The projections: those that the intake writes do not follow the log.';
INSERT INTO projections.definition (name, key, written_by_intake) VALUES
    ('entity', '{municipio_cod_ibge,entity_type,entity_id}', false),
    ('conflict', '{conflict_id}', true),
    ('atividade', '{municipio_cod_ibge,atividade_id}', false),
    ('evidencia', '{municipio_cod_ibge,evidencia_id}', false),
    ('device_status', '{device_id,municipio_cod_ibge}', false);
GRANT SELECT ON projections.definition TO techdengue_reader, techdengue_projector;


CREATE FUNCTION projections.guard(guarded regclass, written_by_intake boolean) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', guarded);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', guarded);
    EXECUTE format(
        'CREATE POLICY tenants_of_the_reader ON %s FOR SELECT USING ('
        '(SELECT current_setting(''eventstore.tenants'', true)) = ''*'' OR municipio_cod_ibge = '
        'ANY (string_to_array((SELECT current_setting(''eventstore.tenants'', true)), '','')))', guarded
    );
    EXECUTE format('CREATE POLICY projector_writes ON %s TO techdengue_projector USING (true) WITH CHECK (true)', guarded);
    EXECUTE format('GRANT SELECT ON %s TO techdengue_reader', guarded);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO techdengue_projector', guarded);
    IF written_by_intake THEN
        EXECUTE format('CREATE POLICY intake_writes ON %s TO techdengue_intake USING (true) WITH CHECK (true)', guarded);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE ON %s TO techdengue_intake', guarded);
    END IF;
END
$$;
COMMENT ON FUNCTION projections.guard IS 'Row-level security and grants of a projection''s table.';
REVOKE ALL ON FUNCTION projections.guard FROM PUBLIC;

SELECT projections.guard(format('projections.%I', d.name)::regclass, d.written_by_intake) FROM projections.definition AS d;


CREATE FUNCTION projections.begin_rebuild(projection text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    definition projections.definition;
BEGIN
    SELECT d.* INTO STRICT definition FROM projections.definition AS d WHERE d.name = projection;
    EXECUTE format('DROP TABLE IF EXISTS projections_next.%I', definition.name);
    EXECUTE format('CREATE TABLE projections_next.%1$I (LIKE projections.%1$I INCLUDING ALL)', definition.name);
    PERFORM projections.guard(format('projections_next.%I', definition.name)::regclass, definition.written_by_intake);
    DELETE FROM eventstore.checkpoint AS c WHERE c.name = definition.name || '__next';
END
$$;
COMMENT ON FUNCTION projections.begin_rebuild IS 'An empty table beside the live one; what an earlier rebuild left is gone.';

CREATE FUNCTION projections.hold(projection text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    held text;
BEGIN
    SELECT d.name INTO STRICT held FROM projections.definition AS d WHERE d.name = projection;
    EXECUTE format('LOCK TABLE projections.%I IN ACCESS EXCLUSIVE MODE', held);
END
$$;
COMMENT ON FUNCTION projections.hold IS 'Nobody reads or writes the live table until the end of the transaction.';

CREATE FUNCTION projections.finish_rebuild(projection text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    finished text;
BEGIN
    SELECT d.name INTO STRICT finished FROM projections.definition AS d WHERE d.name = projection;
    EXECUTE format('DROP TABLE projections.%I', finished);
    EXECUTE format('ALTER TABLE projections_next.%I SET SCHEMA projections', finished);
END
$$;
COMMENT ON FUNCTION projections.finish_rebuild IS 'The table that was built beside the live one takes its place.';

REVOKE ALL ON FUNCTION projections.begin_rebuild, projections.hold, projections.finish_rebuild FROM PUBLIC;
GRANT EXECUTE ON FUNCTION projections.begin_rebuild, projections.hold, projections.finish_rebuild TO techdengue_projector;


-- Verification: the rows computed anew from the log, in a temporary table, against the live ones. Run as the projector.

CREATE FUNCTION projections.begin_check(projection text) RETURNS void
LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog AS $$
DECLARE
    checked text;
BEGIN
    SELECT d.name INTO STRICT checked FROM projections.definition AS d WHERE d.name = projection;
    EXECUTE format('CREATE TEMPORARY TABLE %1$I (LIKE projections.%1$I INCLUDING ALL) ON COMMIT DROP', checked);
END
$$;

CREATE FUNCTION projections.compare(projection text, at_most integer)
RETURNS TABLE (key text, reason text, rows bigint, differing bigint)
LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog AS $$
DECLARE
    definition projections.definition;
    keys       text;
BEGIN
    SELECT d.* INTO STRICT definition FROM projections.definition AS d WHERE d.name = projection;
    SELECT string_agg(format('t.%I::text', k), ', ') INTO keys FROM unnest(definition.key) AS k;
    RETURN QUERY EXECUTE format(
        'WITH live AS (SELECT concat_ws('' '', %2$s) AS key, md5(t::text) AS digest FROM projections.%1$I AS t), '
        'told AS (SELECT concat_ws('' '', %2$s) AS key, md5(t::text) AS digest FROM pg_temp.%1$I AS t), '
        'difference AS (SELECT key, CASE WHEN live.key IS NULL THEN ''is missing'' '
        'WHEN told.key IS NULL THEN ''is not in the log'' ELSE ''differs from the log'' END AS reason '
        'FROM live FULL JOIN told USING (key) WHERE live.digest IS DISTINCT FROM told.digest), '
        'counted AS (SELECT (SELECT count(*) FROM told) AS rows, (SELECT count(*) FROM difference) AS differing) '
        'SELECT shown.key, shown.reason, c.rows, c.differing FROM counted AS c '
        'LEFT JOIN (SELECT * FROM difference ORDER BY key LIMIT $1) AS shown ON true',
        definition.name, keys
    ) USING at_most;
END
$$;
COMMENT ON FUNCTION projections.compare IS
    'At most so many rows that differ, with both counts on each; one row without a key when none does.';
REVOKE ALL ON FUNCTION projections.begin_check, projections.compare FROM PUBLIC;
GRANT EXECUTE ON FUNCTION projections.begin_check, projections.compare TO techdengue_projector;
