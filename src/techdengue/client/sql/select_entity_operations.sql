-- Which pending operations wait for one entity, oldest first? ?1 entity type, ?2 entity name.
SELECT key, entity_type, entity_name, municipio, body, code, message, path
FROM operation
WHERE state = 'pending' AND entity_type = ?1 AND entity_name = ?2
ORDER BY place
