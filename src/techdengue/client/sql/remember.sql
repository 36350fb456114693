-- Remembers a value. ?1 name, ?2 value.
INSERT INTO memory (name, value)
VALUES (?1, ?2)
ON CONFLICT (name) DO UPDATE SET value = excluded.value
