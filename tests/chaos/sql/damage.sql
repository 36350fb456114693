-- Everything that the checker must find, each in a stream of its own: the first operations of an episode create
-- `shared-0`, `shared-1`, …, one after the other, at the positions 1, 2, …, whatever comes later and in whatever order.
ALTER TABLE eventstore.event DISABLE TRIGGER ALL;

-- An operation is lost. It is a create, so its repeat is decided without the stream's past, and recorded anew.
DELETE FROM eventstore.event WHERE stream LIKE 'atividade/shared-9-%' AND sequence = 1;

-- Two operations of one device change places.
UPDATE eventstore.event SET position = -position WHERE position IN (3, 5);
UPDATE eventstore.event SET position = 8 + position WHERE position < 0;

-- An operation was decided in another way, and a conflict has no row.
UPDATE eventstore.event SET outcome = 'server_kept' WHERE stream LIKE 'atividade/shared-7-%' AND sequence = 1;
UPDATE eventstore.event SET outcome = 'conflict' WHERE stream LIKE 'atividade/shared-8-%' AND sequence = 1;

-- A sequence has a gap.
UPDATE eventstore.event AS e
   SET sequence = e.sequence + 1
  FROM eventstore.stream AS h
 WHERE h.tenant = e.tenant AND h.stream = e.stream AND h.sequence = e.sequence
   AND h.stream LIKE 'atividade/shared-5-%';

-- A key is there twice, far beyond the lane's end.
INSERT INTO eventstore.event (
       lane, position, tenant, stream, sequence, version, type, writer, key, digest, actor, outcome, rule_set,
       occurred_at, recorded_at, payload, metadata)
SELECT lane, 1000000, 'elsewhere', stream, sequence, version, type, writer, key, digest, actor, outcome, rule_set,
       occurred_at, recorded_at, payload, metadata
  FROM eventstore.event
 WHERE stream LIKE 'atividade/shared-10-%' AND sequence = 1;

-- A head is behind its stream, and a request was forgotten.
UPDATE eventstore.stream SET version = version - 1 WHERE stream LIKE 'atividade/shared-1-%';
DELETE FROM techdengue.sync_request WHERE id = (SELECT max(id) FROM techdengue.sync_request WHERE applied > 0)
