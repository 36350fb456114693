-- Puts an operation at the end of the queue. ?1 key, ?2 entity type, ?3 entity name, ?4 município, ?5 body.
INSERT INTO operation (key, entity_type, entity_name, municipio, body)
VALUES (?1, ?2, ?3, ?4, ?5)
