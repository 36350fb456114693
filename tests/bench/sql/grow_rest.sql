-- Writers, devices, requests, conflicts and the place of the log and its followers, for all blocks. Several statements.
INSERT INTO eventstore.writer (writer, clock)
SELECT pg_temp.named(w.writer, b.name), w.clock FROM block AS b CROSS JOIN block_writer AS w;

INSERT INTO techdengue.device (device_id, owner, registered_at, refreshed_at)
SELECT pg_temp.named(d.device_id, b.name), d.owner, d.registered_at, d.refreshed_at
  FROM block AS b CROSS JOIN block_device AS d;

INSERT INTO techdengue.sync_request (
    device_id, user_id, received_at, operations, applied, client_applied, merged, server_kept, no_change, parked,
    already_processed, refused, municipios)
SELECT pg_temp.named(r.device_id, b.name), r.user_id, r.received_at - (l.earlier - b.earlier), r.operations, r.applied,
       r.client_applied, r.merged, r.server_kept, r.no_change, r.parked, r.already_processed, r.refused,
       ARRAY[b.tenant]
  FROM block AS b CROSS JOIN block_request AS r
  CROSS JOIN (SELECT max(earlier) AS earlier FROM block) AS l;

INSERT INTO projections.conflict (
    conflict_id, municipio_cod_ibge, entity_type, entity_id, stream, sequence, conflict_type, strategy, device_id,
    user_id, opened_at)
SELECT gen_random_uuid(), b.tenant, c.entity_type, pg_temp.named(c.entity_id, b.name),
       pg_temp.named(c.stream, b.name), c.sequence, c.conflict_type, c.strategy, pg_temp.named(c.device_id, b.name),
       c.user_id, c.opened_at - (l.earlier - b.earlier)
  FROM block AS b CROSS JOIN block_conflict AS c
  CROSS JOIN (SELECT max(earlier) AS earlier FROM block) AS l;

INSERT INTO projections.device_status (
    device_id, municipio_cod_ibge, user_id, applied, client_applied, merged, server_kept, no_change, conflict, resolved,
    last_position, last_received_at, last_effective_time)
SELECT e.writer, e.tenant, max(e.actor),
       count(*) FILTER (WHERE e.outcome = 'applied'), count(*) FILTER (WHERE e.outcome = 'client_applied'),
       count(*) FILTER (WHERE e.outcome = 'merged'), count(*) FILTER (WHERE e.outcome = 'server_kept'),
       count(*) FILTER (WHERE e.outcome = 'no_change'), count(*) FILTER (WHERE e.outcome = 'conflict'), 0,
       max(e.position), max(e.recorded_at), max(e.occurred_at)
  FROM eventstore.event AS e
 GROUP BY e.writer, e.tenant;

UPDATE eventstore.lane SET position = (SELECT coalesce(max(e.position), 0) FROM eventstore.event AS e) WHERE lane = 0;

INSERT INTO eventstore.checkpoint (name, position)
SELECT d.name, l.position
  FROM projections.definition AS d CROSS JOIN eventstore.lane AS l
 WHERE NOT d.written_by_intake;
