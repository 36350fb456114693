-- What must hold of the whole log and of what goes with it; every figure must be 0.
WITH places AS (
    SELECT e.lane, e.position, row_number() OVER (PARTITION BY e.lane ORDER BY e.position) AS place
      FROM eventstore.event AS e
), steps AS (
    SELECT e.tenant, e.stream, e.sequence,
           row_number() OVER (PARTITION BY e.tenant, e.stream ORDER BY e.position) AS place
      FROM eventstore.event AS e
), last AS (
    SELECT DISTINCT ON (e.tenant, e.stream) e.tenant, e.stream, e.sequence, e.version, e.position
      FROM eventstore.event AS e
     ORDER BY e.tenant, e.stream, e.sequence DESC
), recorded AS (
    SELECT e.writer, count(*) AS events
      FROM eventstore.event AS e
     WHERE e.writer NOT LIKE 'console:%'
     GROUP BY e.writer
), requested AS (
    SELECT r.device_id,
           sum(r.applied + r.client_applied + r.merged + r.server_kept + r.no_change + r.parked) AS events
      FROM techdengue.sync_request AS r
     GROUP BY r.device_id
)
SELECT (SELECT count(*) FROM places WHERE position <> place) AS positions_not_in_a_row,
       (SELECT count(*) FROM steps WHERE sequence <> place) AS sequences_not_in_a_row,
       (SELECT count(*) FROM (SELECT FROM eventstore.event GROUP BY writer, key HAVING count(*) > 1) AS d)
           AS keys_recorded_twice,
       (SELECT count(*)
          FROM eventstore.lane AS l
         WHERE l.position <> (SELECT coalesce(max(p.position), 0) FROM places AS p WHERE p.lane = l.lane))
           AS lanes_not_at_their_end,
       (SELECT count(*)
          FROM last AS l
          FULL JOIN eventstore.stream AS h ON h.tenant = l.tenant AND h.stream = l.stream
         WHERE (h.sequence, h.version, h.position) IS DISTINCT FROM (l.sequence, l.version, l.position))
           AS heads_not_at_their_end,
       (SELECT count(*)
          FROM recorded AS e
          FULL JOIN requested AS r ON r.device_id = e.writer
         WHERE e.events IS DISTINCT FROM r.events AND coalesce(r.events, 0) + coalesce(e.events, 0) > 0)
           AS devices_whose_requests_do_not_add_up,
       (SELECT count(*)
          FROM (SELECT e.tenant, e.stream, e.sequence FROM eventstore.event AS e WHERE e.outcome = 'conflict') AS e
          FULL JOIN projections.conflict AS c
            ON c.municipio_cod_ibge = e.tenant AND c.stream = e.stream AND c.sequence = e.sequence
         WHERE e.sequence IS NULL OR c.sequence IS NULL)
           AS conflicts_without_their_event
