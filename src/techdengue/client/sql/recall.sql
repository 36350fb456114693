-- What was remembered under this name? ?1 name.
SELECT value FROM memory WHERE name = ?1
