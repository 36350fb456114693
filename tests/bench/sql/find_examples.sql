-- What the reads of a log of any size ask for: an entity of município $1 with a past, a device, a recent position.
SELECT (SELECT l.id::text FROM projections.log AS l) AS log,
       (SELECT greatest(0, l.position - 2000) FROM eventstore.lane AS l WHERE l.lane = 0) AS recent,
       to_char((now() - interval '10 days') AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS since,
       to_char((now() - interval '10 days' + interval '1 minute') AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
           AS until,
       e.stream, e.position, e.writer
  FROM eventstore.event AS e
 WHERE e.tenant = $1 AND e.sequence = 3
 ORDER BY e.lane, e.position
 LIMIT 1
