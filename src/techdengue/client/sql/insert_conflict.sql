-- Keeps a conflict that waits for a person. ?1 conflict id, ?2 body.
INSERT INTO conflict (conflict_id, body)
VALUES (?1, ?2)
ON CONFLICT (conflict_id) DO UPDATE SET body = excluded.body
