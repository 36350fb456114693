-- Conflicts as the intake opens and settles them in its append, by rows. `unit`: of the append that carries the event.

CREATE TYPE projections.opened_row AS (
    unit               integer,
    conflict_id        uuid,
    municipio_cod_ibge text,
    entity_type        text,
    entity_id          text,
    stream             text,
    sequence           bigint,
    conflict_type      text,
    strategy           text,
    device_id          text,
    user_id            text,
    opened_at          timestamptz
);

CREATE TYPE projections.settled_row AS (
    unit        integer,
    conflict_id uuid,
    sequence    bigint,
    choice      text,
    resolved_by text,
    resolved_at timestamptz,
    note        text
);
