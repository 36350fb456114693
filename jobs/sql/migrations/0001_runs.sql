-- Runs of background jobs. PostgreSQL is the queue and the truth: what must follow from a commit is a queued run that was
-- written in it; Redis only says sooner that there is one (docs/decisions/0017).

CREATE SCHEMA jobs;
GRANT USAGE ON SCHEMA jobs TO techdengue_jobs, techdengue_intake, techdengue_reader;

CREATE TABLE jobs.run (
    run_id             uuid        NOT NULL PRIMARY KEY,
    job                text        NOT NULL COLLATE "C",
    queue              text        NOT NULL COLLATE "C" CHECK (queue IN ('cleanup', 'reports', 'notifications')),
    key                text        COLLATE "C",
    arguments          jsonb       NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(arguments) = 'object'),
    origin             text        NOT NULL COLLATE "C"
                       CHECK (origin IN ('schedule', 'catch_up', 'commit', 'request', 'job')),
    requested_by       text        COLLATE "C",
    municipio_cod_ibge text        COLLATE "C",
    status             text        NOT NULL COLLATE "C" DEFAULT 'queued'
                       CHECK (status IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
    attempts           integer     NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    max_attempts       integer     NOT NULL CHECK (max_attempts > 0),
    due_at             timestamptz NOT NULL DEFAULT now(),
    next_at            timestamptz NOT NULL DEFAULT now(),
    queued_at          timestamptz NOT NULL DEFAULT now(),
    started_at         timestamptz,
    finished_at        timestamptz,
    heartbeat_at       timestamptz,
    worker             text        COLLATE "C",
    error              text,
    counts             jsonb       NOT NULL DEFAULT '{}',
    progress           jsonb,
    cancel_requested   boolean     NOT NULL DEFAULT false,
    CHECK ((status = 'running') = (heartbeat_at IS NOT NULL)),
    CHECK ((status IN ('succeeded', 'failed', 'cancelled')) = (finished_at IS NOT NULL))
) WITH (fillfactor = 80);
CREATE UNIQUE INDEX run_once ON jobs.run (job, key) WHERE key IS NOT NULL;
CREATE INDEX run_due ON jobs.run (queue, next_at) WHERE status = 'queued';
CREATE INDEX run_running ON jobs.run (heartbeat_at) WHERE status = 'running';
CREATE INDEX run_of_job ON jobs.run (job, run_id);
CREATE INDEX run_failed ON jobs.run (run_id) WHERE status = 'failed';
CREATE INDEX run_of_municipio ON jobs.run (municipio_cod_ibge, run_id);
COMMENT ON TABLE jobs.run IS
    'Every run of a job. A run id is a UUIDv7: their order is that of queueing. arguments: ids only. due_at: when it was to '
    'run, also after a retry, which waits until next_at. heartbeat_at: its worker lives; a lease counts from it. failed: a '
    'dead letter. error: type and a short message without data.';

CREATE TYPE jobs.queued_row AS (
    unit               integer,
    run_id             uuid,
    job                text,
    queue              text,
    key                text,
    arguments          jsonb,
    max_attempts       integer,
    requested_by       text,
    municipio_cod_ibge text
);
COMMENT ON TYPE jobs.queued_row IS 'A run that follows from a commit. `unit`: of its append.';

CREATE TABLE jobs.schedule (
    job             text        NOT NULL COLLATE "C" PRIMARY KEY,
    known_since     timestamptz NOT NULL DEFAULT now(),
    last_due_at     timestamptz,
    last_success_at timestamptz,
    last_success    uuid
);
COMMENT ON TABLE jobs.schedule IS
    'Per scheduled job: since when a scheduler knows it, the last due time that got its run, and the last success.';

CREATE TABLE jobs.worker (
    worker       text        NOT NULL COLLATE "C" PRIMARY KEY,
    queues       text[]      NOT NULL,
    version      text        NOT NULL,
    started_at   timestamptz NOT NULL DEFAULT now(),
    heartbeat_at timestamptz NOT NULL DEFAULT now(),
    running      integer     NOT NULL DEFAULT 0
);
COMMENT ON TABLE jobs.worker IS 'Workers that live, or died without a word: those drop out after a day.';

ALTER TABLE jobs.run ENABLE ROW LEVEL SECURITY;
ALTER TABLE jobs.run FORCE ROW LEVEL SECURITY;
CREATE POLICY jobs_work ON jobs.run TO techdengue_jobs USING (true) WITH CHECK (true);
CREATE POLICY intake_queues ON jobs.run FOR INSERT TO techdengue_intake WITH CHECK (status = 'queued');
CREATE POLICY tenants_of_the_reader ON jobs.run FOR SELECT TO techdengue_reader USING (
    (SELECT current_setting('eventstore.tenants', true)) = '*' OR municipio_cod_ibge =
    ANY (string_to_array((SELECT current_setting('eventstore.tenants', true)), ',')));

GRANT SELECT, INSERT, UPDATE ON jobs.run, jobs.schedule TO techdengue_jobs;
GRANT SELECT, INSERT, UPDATE, DELETE ON jobs.worker TO techdengue_jobs;
GRANT INSERT ON jobs.run TO techdengue_intake;
GRANT SELECT ON jobs.run, jobs.schedule, jobs.worker TO techdengue_reader;
