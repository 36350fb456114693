-- Keeps a file that the server will not take, for its user. ?1 evidencia, ?2 município, ?3 code, ?4 message.
UPDATE file SET state = 'refused', code = ?3, message = ?4 WHERE entity_name = ?1 AND municipio = ?2
