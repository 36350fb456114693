-- The document of an entity as it is now, as JSON; NULL where it is deleted.
-- $1 município, $2 stream.
SELECT h.document
  FROM eventstore.stream AS h
 WHERE h.tenant = $1 AND h.stream = $2
