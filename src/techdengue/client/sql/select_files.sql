-- Files in a state (?1), oldest first.
SELECT entity_name, municipio, entity_id, path, size, code, message FROM file WHERE state = ?1 ORDER BY place
