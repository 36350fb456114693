-- Rows of the projections that follow the log, as the projector writes them: the columns of the tables in their order. Types
-- of their own, for a table's own row type goes with the table when a rebuilt one takes its place.

CREATE TYPE projections.entity_row AS (
    municipio_cod_ibge text,
    entity_type        text,
    entity_id          text,
    version            bigint,
    deleted            boolean,
    data               jsonb,
    created_at         timestamptz,
    created_by         text,
    updated_at         timestamptz,
    updated_by         text,
    updated_from       text
);

CREATE TYPE projections.atividade_row AS (
    municipio_cod_ibge  text,
    atividade_id        text,
    version             bigint,
    deleted             boolean,
    municipio_nome      text,
    tipo                text,
    status              text,
    origem              text,
    descricao           text,
    longitude           float8,
    latitude            float8,
    altitude            float8,
    usuario_responsavel text,
    usuario_criacao     text,
    iniciado_em         timestamptz,
    encerrado_em        timestamptz,
    inicio_efetivo      timestamptz,
    fim_efetivo         timestamptz,
    criado_em           timestamptz,
    atualizado_em       timestamptz,
    metadata            jsonb
);

CREATE TYPE projections.evidencia_row AS (
    municipio_cod_ibge text,
    evidencia_id       text,
    version            bigint,
    deleted            boolean,
    municipio_nome     text,
    atividade_id       text,
    tipo               text,
    status             text,
    hash_sha256        text,
    tamanho_bytes      bigint,
    content_type       text,
    descricao          text,
    usuario_criacao    text,
    concluida_em       timestamptz,
    criado_em          timestamptz,
    atualizado_em      timestamptz,
    metadata           jsonb
);

CREATE TYPE projections.device_status_row AS (
    device_id           text,
    municipio_cod_ibge  text,
    user_id             text,
    applied             bigint,
    client_applied      bigint,
    merged              bigint,
    server_kept         bigint,
    no_change           bigint,
    conflict            bigint,
    resolved            bigint,
    last_position       bigint,
    last_received_at    timestamptz,
    last_effective_time timestamptz
);
