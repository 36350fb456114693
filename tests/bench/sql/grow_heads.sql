-- The heads of the blocks $1 to $2, of which $3 is the last.
INSERT INTO eventstore.stream (
    tenant, stream, sequence, version, position, updated_at, recorded_at, state, document)
SELECT b.tenant, pg_temp.named(s.stream, b.name), s.sequence, s.version,
       b.i * (SELECT count(*) FROM block_event) + e.place, s.updated_at, s.recorded_at - (l.earlier - b.earlier),
       pg_temp.named(s.state, b.name, b.tenant), pg_temp.named(s.document, b.name, b.tenant)
  FROM (SELECT * FROM block WHERE i BETWEEN $1 AND $2) AS b
  CROSS JOIN (SELECT earlier FROM block WHERE i = $3) AS l
  CROSS JOIN block_stream AS s
  JOIN (SELECT t.position, row_number() OVER (ORDER BY t.position) AS place FROM block_event AS t) AS e
    ON e.position = s.position
