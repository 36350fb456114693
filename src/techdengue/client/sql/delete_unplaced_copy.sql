-- Drops what was held before the entity's município was known. ?1 entity type, ?2 entity name.
DELETE FROM copy WHERE entity_type = ?1 AND entity_name = ?2 AND municipio = ''
