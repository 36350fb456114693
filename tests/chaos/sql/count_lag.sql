-- How many projections have not come to the end of the log.
SELECT count(*)
  FROM eventstore.checkpoint AS c
  JOIN eventstore.lane AS l ON l.lane = c.lane
 WHERE c.position < l.position
