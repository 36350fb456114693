-- The events of the blocks $1 to $2, of which $3 is the last, in their order.
INSERT INTO eventstore.event (
    lane, position, tenant, stream, sequence, version, type, writer, key, digest, actor, outcome, rule_set,
    occurred_at, recorded_at, payload, metadata)
SELECT e.lane, b.i * (SELECT count(*) FROM block_event) + e.place, b.tenant, pg_temp.named(e.stream, b.name),
       e.sequence, e.version, e.type, pg_temp.named(e.writer, b.name), pg_temp.named(e.key, b.name), e.digest, e.actor,
       e.outcome, e.rule_set, e.occurred_at, e.recorded_at - (l.earlier - b.earlier),
       pg_temp.named(e.payload, b.name, b.tenant), pg_temp.named(e.metadata, b.name, b.tenant)
  FROM (SELECT * FROM block WHERE i BETWEEN $1 AND $2 ORDER BY i) AS b
  CROSS JOIN (SELECT earlier FROM block WHERE i = $3) AS l
  CROSS JOIN LATERAL (
       SELECT t.*, row_number() OVER (ORDER BY t.position) AS place FROM block_event AS t ORDER BY t.position) AS e
