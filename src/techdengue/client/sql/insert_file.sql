-- A file waits; another one of the same evidencia takes its place.
INSERT INTO file (entity_name, municipio, entity_id, path, size) VALUES (?1, ?2, ?3, ?4, ?5)
ON CONFLICT (entity_name, municipio) DO UPDATE SET path = excluded.path, size = excluded.size, state = 'waiting', code = NULL, message = NULL
