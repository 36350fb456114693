-- Everything that the checker must find, one of each, in a log of 150 events or more.
ALTER TABLE eventstore.event DISABLE TRIGGER ALL;
DELETE FROM eventstore.event
 WHERE position = (SELECT min(e.position)
                     FROM eventstore.event AS e
                     JOIN eventstore.stream AS h ON h.tenant = e.tenant AND h.stream = e.stream
                    WHERE h.sequence = e.sequence AND e.position > 90 AND e.outcome = 'applied');
UPDATE eventstore.event SET position = -position WHERE position IN (40, 80);
UPDATE eventstore.event SET position = 120 + position WHERE position < 0;
UPDATE eventstore.event
   SET outcome = 'server_kept'
 WHERE position = (SELECT min(e.position) FROM eventstore.event AS e WHERE e.position > 40 AND e.outcome = 'applied');
UPDATE eventstore.event AS e
   SET sequence = e.sequence + 1
  FROM eventstore.stream AS h
 WHERE h.tenant = e.tenant AND h.stream = e.stream AND h.sequence = e.sequence
   AND h.stream LIKE 'atividade/shared-2-%';
INSERT INTO eventstore.event (
       lane, position, tenant, stream, sequence, version, type, writer, key, digest, actor, outcome, rule_set,
       occurred_at, recorded_at, payload, metadata)
SELECT lane, 1000000, 'elsewhere', stream, sequence, version, type, writer, key, digest, actor, outcome, rule_set,
       occurred_at, recorded_at, payload, metadata
  FROM eventstore.event
 WHERE position = 60;
UPDATE eventstore.stream SET version = version - 1 WHERE stream LIKE 'atividade/shared-1-%';
DELETE FROM techdengue.sync_request WHERE id = (SELECT max(id) FROM techdengue.sync_request WHERE applied > 0);
DELETE FROM projections.conflict WHERE conflict_id = (SELECT min(conflict_id::text)::uuid FROM projections.conflict)
