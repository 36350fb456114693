-- Moves a follower's checkpoint, if it still stands where its owner believes (0: it may not have begun). No row: it does not.
-- $1 its name, $2 where it stands, $3 where it shall stand.
INSERT INTO eventstore.checkpoint AS c (name, position)
SELECT $1, $3
WHERE $2::bigint = 0
   OR EXISTS (SELECT FROM eventstore.checkpoint AS known WHERE known.name = $1)
ON CONFLICT (name) DO UPDATE SET position = EXCLUDED.position
WHERE c.position = $2
RETURNING c.position
