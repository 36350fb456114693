-- Forgets a conflict that its user has seen. ?1 conflict id.
DELETE FROM conflict WHERE conflict_id = ?1
