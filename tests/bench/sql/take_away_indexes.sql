-- The statements that take the keys and indexes of the log and the heads away, and those that make them again.
SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', c.conrelid::regclass, c.conname) AS away,
       format('ALTER TABLE %s ADD CONSTRAINT %I %s', c.conrelid::regclass, c.conname, pg_get_constraintdef(c.oid)) AS again
  FROM pg_constraint AS c
 WHERE c.conrelid IN ('eventstore.event'::regclass, 'eventstore.stream'::regclass) AND c.contype IN ('p', 'u')
UNION ALL
SELECT format('DROP INDEX %s', i.indexrelid::regclass), pg_get_indexdef(i.indexrelid)
  FROM pg_index AS i
 WHERE i.indrelid IN ('eventstore.event'::regclass, 'eventstore.stream'::regclass)
   AND NOT EXISTS (SELECT FROM pg_constraint AS c WHERE c.conindid = i.indexrelid)
