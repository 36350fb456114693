-- Which operations are in a state, oldest first? ?1 state, ?2 at most how many.
SELECT key, entity_type, entity_name, municipio, body, code, message, path
FROM operation
WHERE state = ?1
ORDER BY place
LIMIT ?2
