-- Which pending operations wait for entities of this type, oldest first? ?1 entity type.
SELECT key, entity_type, entity_name, municipio, body, code, message, path
FROM operation
WHERE state = 'pending' AND entity_type = ?1
ORDER BY place
