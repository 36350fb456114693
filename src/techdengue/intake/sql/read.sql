-- What a group must know before it decides: recorded keys, heads, clocks, owners, the database's time, and the past of
-- streams that have moved on since somebody saw them.
-- $1 writers, $2 their keys (in pairs); $3 tenants, $4 their streams (in pairs); $5 streams wanted of any tenant;
-- $6 writers whose clocks and owners are wanted; $7 tenants, $8 their streams, $9 the versions seen (in threes).
SELECT 'event' AS kind, e.tenant, e.stream, e.sequence, e.version, e.writer, e.key, e.outcome,
       e.type, e.digest AS bytes, e.metadata, e.recorded_at AS at, NULL::eventstore.event AS past
  FROM unnest($1::text[], $2::text[]) AS wanted (writer, key)
  JOIN eventstore.event AS e ON e.writer = wanted.writer AND e.key = wanted.key
UNION ALL
SELECT 'head', h.tenant, h.stream, h.sequence, h.version, NULL, NULL, NULL,
       NULL, h.state, NULL, NULL, NULL
  FROM unnest($3::text[], $4::text[]) AS wanted (tenant, stream)
  JOIN eventstore.stream AS h ON h.tenant = wanted.tenant AND h.stream = wanted.stream
UNION ALL
SELECT 'head', h.tenant, h.stream, h.sequence, h.version, NULL, NULL, NULL,
       NULL, h.state, NULL, NULL, NULL
  FROM unnest($5::text[]) AS wanted (stream)
  JOIN eventstore.stream AS h ON h.stream = wanted.stream
UNION ALL
SELECT 'clock', NULL, NULL, NULL, NULL, w.writer, NULL, NULL,
       NULL, NULL, NULL, w.clock, NULL
  FROM unnest($6::text[]) AS wanted (writer)
  JOIN eventstore.writer AS w ON w.writer = wanted.writer
UNION ALL
SELECT 'owner', NULL, NULL, NULL, NULL, d.device_id, d.owner, NULL,
       NULL, NULL, NULL, NULL, NULL
  FROM unnest($6::text[]) AS wanted (device_id)
  JOIN techdengue.device AS d ON d.device_id = wanted.device_id AND d.forgotten_at IS NULL
UNION ALL
SELECT 'now', NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       NULL, NULL, NULL, clock_timestamp(), NULL
UNION ALL
SELECT 'past', NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       NULL, NULL, NULL, NULL, e.past
  FROM unnest($7::text[], $8::text[], $9::bigint[]) AS wanted (tenant, stream, seen)
  JOIN eventstore.stream AS h ON h.tenant = wanted.tenant AND h.stream = wanted.stream AND h.version > wanted.seen
 CROSS JOIN LATERAL (
       SELECT o AS past
         FROM eventstore.event AS o
        WHERE o.tenant = wanted.tenant AND o.stream = wanted.stream AND o.sequence <= wanted.seen
        ORDER BY o.sequence  -- what keeps the planner to the index of sequences
       ) AS e
