-- Forgets a value. ?1 name.
DELETE FROM memory WHERE name = ?1
