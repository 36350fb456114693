-- Keeps an operation that the server refused, for its user to see. ?1 key, ?2 code, ?3 message, ?4 path.
UPDATE operation
SET state = 'refused', code = ?2, message = ?3, path = ?4
WHERE key = ?1
