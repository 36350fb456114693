-- Puts a refused operation back into the queue, in its old place. ?1 key.
UPDATE operation
SET state = 'pending', code = NULL, message = NULL, path = NULL
WHERE key = ?1 AND state = 'refused'
