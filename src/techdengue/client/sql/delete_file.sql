DELETE FROM file WHERE entity_name = ?1 AND municipio = ?2
