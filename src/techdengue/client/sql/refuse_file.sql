UPDATE file SET state = 'refused', code = ?3, message = ?4 WHERE entity_name = ?1 AND municipio = ?2
