-- Is this operation (still) in this state? ?1 key, ?2 state.
SELECT key, entity_type, entity_name, municipio, body, code, message, path
FROM operation
WHERE key = ?1 AND state = ?2
