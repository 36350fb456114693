-- What does the device hold of this entity? ?1 entity type, ?2 entity name.
SELECT entity_type, entity_name, municipio, entity_id, version, data, download
FROM copy
WHERE entity_type = ?1 AND entity_name = ?2
ORDER BY municipio
