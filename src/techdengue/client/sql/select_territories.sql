-- In which municípios does the device know this entity? ?1 entity type, ?2 entity name.
SELECT municipio FROM copy
WHERE entity_type = ?1 AND entity_name = ?2 AND municipio <> ''
UNION
SELECT municipio FROM operation
WHERE entity_type = ?1 AND entity_name = ?2 AND municipio <> '' AND state = 'pending'
