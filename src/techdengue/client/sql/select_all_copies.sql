-- What does the device hold of this type? ?1 entity type.
SELECT entity_type, entity_name, municipio, entity_id, version, data, download
FROM copy
WHERE entity_type = ?1
ORDER BY entity_name, municipio
