-- $1 entities of ten municípios, each created by one of 200 devices of 40 users, as copies of the log's first event and
-- of its head. One in twenty is parked. Received one a second, up to now. Several statements.
CREATE TEMPORARY TABLE copy AS
SELECT n, (ARRAY['5103403', '5100102', '5100201', '5100250', '5100300', '5100359', '5100409', '5100508', '5100607',
                 '5100805'])[1 + n % 10] AS tenant,
       'atividade/' || md5(n::text) AS stream, 'device-' || n % 200 AS writer, 'user-' || n % 40 AS actor,
       n + (SELECT l.position FROM eventstore.lane AS l WHERE l.lane = 0) AS position,
       clock_timestamp() - (20000 - n) * interval '1 second' AS recorded_at,
       CASE WHEN n % 20 = 0 THEN 'conflict' ELSE 'applied' END AS outcome
  FROM generate_series(1, 20000) AS n;

INSERT INTO eventstore.event (
    lane, position, tenant, stream, sequence, version, type, writer, key, digest, actor, outcome, rule_set,
    occurred_at, recorded_at, payload, metadata)
SELECT 0, c.position, c.tenant, c.stream, 1, 1, e.type, c.writer, 'key-' || c.n, e.digest, c.actor, c.outcome,
       e.rule_set, e.occurred_at, c.recorded_at, e.payload, e.metadata
  FROM copy AS c CROSS JOIN (SELECT * FROM eventstore.event WHERE position = 1) AS e ORDER BY c.n;

INSERT INTO eventstore.stream (
    tenant, stream, sequence, version, position, updated_at, recorded_at, state, document)
SELECT c.tenant, c.stream, 1, 1, c.position, s.updated_at, c.recorded_at, s.state, s.document
  FROM copy AS c CROSS JOIN (SELECT * FROM eventstore.stream ORDER BY position LIMIT 1) AS s;

INSERT INTO eventstore.writer (writer, clock) SELECT DISTINCT c.writer, now() - interval '1 day' FROM copy AS c;

INSERT INTO techdengue.device (device_id, owner) SELECT DISTINCT ON (c.writer) c.writer, c.actor FROM copy AS c;

INSERT INTO techdengue.sync_request (device_id, user_id, received_at)
SELECT c.writer, c.actor, c.recorded_at FROM copy AS c;

INSERT INTO projections.conflict (
    conflict_id, municipio_cod_ibge, entity_type, entity_id, stream, sequence, conflict_type, strategy, device_id,
    user_id, opened_at)
SELECT gen_random_uuid(), c.tenant, 'atividade', md5(c.n::text), c.stream, 1, 'update_update', 'manual', c.writer,
       c.actor, c.recorded_at
  FROM copy AS c WHERE c.outcome = 'conflict';

INSERT INTO projections.device_status (
    device_id, municipio_cod_ibge, user_id, applied, client_applied, merged, server_kept, no_change, conflict, resolved,
    last_position, last_received_at, last_effective_time)
SELECT c.writer, c.tenant, max(c.actor), count(*), 0, 0, 0, 0, 0, 0, max(c.position), max(c.recorded_at),
       max(c.recorded_at)
  FROM copy AS c GROUP BY c.writer, c.tenant;

UPDATE eventstore.lane SET position = (SELECT max(c.position) FROM copy AS c) WHERE lane = 0;

INSERT INTO eventstore.checkpoint (name, position)
SELECT d.name, l.position FROM projections.definition AS d CROSS JOIN eventstore.lane AS l
 WHERE NOT d.written_by_intake;

ANALYZE;
