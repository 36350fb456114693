-- Takes an operation out of the queue. ?1 key.
DELETE FROM operation WHERE key = ?1
