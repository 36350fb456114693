-- Takes a file out of the queue. ?1 evidencia, ?2 município.
DELETE FROM file WHERE entity_name = ?1 AND municipio = ?2
