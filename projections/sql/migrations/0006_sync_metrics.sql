-- What was synced, hour by hour and município by município, counted from the log by the job aggregate_sync_metrics.
--
-- Not one of the projections of projections.definition: it follows the clock, not positions, for a row tells of an hour in
-- which nothing happened too. It is counted anew from the log by the job's argument `since`.

CREATE TABLE projections.sync_metrics_hourly (
    municipio_cod_ibge  text        NOT NULL COLLATE "C",
    hour                timestamptz NOT NULL,
    operations          bigint      NOT NULL,
    applied             bigint      NOT NULL,
    client_applied      bigint      NOT NULL,
    merged              bigint      NOT NULL,
    server_kept         bigint      NOT NULL,
    no_change           bigint      NOT NULL,
    conflicts           bigint      NOT NULL,
    resolved            bigint      NOT NULL,
    entities            bigint      NOT NULL,
    devices             bigint      NOT NULL,
    users               bigint      NOT NULL,
    payload_bytes       bigint      NOT NULL,
    waited_seconds_p50  double precision,
    waited_seconds_max  double precision,
    PRIMARY KEY (municipio_cod_ibge, hour)
) WITH (fillfactor = 90);
CREATE INDEX sync_metrics_hour ON projections.sync_metrics_hourly (hour);
COMMENT ON TABLE projections.sync_metrics_hourly IS
    'Events by the hour (UTC) in which the server received them; a município has a row for every hour from its first one on. '
    'conflicts: operations that were parked; resolved: decisions of people, which are no operations. devices and users: who '
    'sent operations. waited_seconds: how long operations waited on devices, NULL where there were none; median and maximum, '
    'never an average: one device that was offline for a week would be all of it.';

CREATE TABLE projections.sync_metrics_place (
    one  boolean     NOT NULL PRIMARY KEY DEFAULT true CHECK (one),
    hour timestamptz
);
COMMENT ON TABLE projections.sync_metrics_place IS 'One row: the first hour that is not counted for good yet; NULL: none is.';
INSERT INTO projections.sync_metrics_place DEFAULT VALUES;

ALTER TABLE projections.sync_metrics_hourly ENABLE ROW LEVEL SECURITY;
ALTER TABLE projections.sync_metrics_hourly FORCE ROW LEVEL SECURITY;
CREATE POLICY tenants_of_the_reader ON projections.sync_metrics_hourly FOR SELECT TO techdengue_reader USING (
    (SELECT current_setting('eventstore.tenants', true)) = '*' OR municipio_cod_ibge =
    ANY (string_to_array((SELECT current_setting('eventstore.tenants', true)), ',')));
CREATE POLICY jobs_work ON projections.sync_metrics_hourly TO techdengue_jobs USING (true) WITH CHECK (true);
GRANT SELECT ON projections.sync_metrics_hourly, projections.sync_metrics_place TO techdengue_reader;
GRANT SELECT, INSERT, UPDATE ON projections.sync_metrics_hourly TO techdengue_jobs;
GRANT SELECT, UPDATE ON projections.sync_metrics_place TO techdengue_jobs;


-- What was deleted is few among all: whoever clears up after it finds it by this.

CREATE INDEX ON projections.evidencia (municipio_cod_ibge, evidencia_id)
    WHERE deleted OR status = 'DELETADA';
