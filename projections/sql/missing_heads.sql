-- Streams of the log that have no head: at most $1 of them.
SELECT e.tenant, e.stream
FROM eventstore.event AS e
LEFT JOIN eventstore.stream AS h ON h.tenant = e.tenant AND h.stream = e.stream
WHERE e.sequence = 1 AND h.stream IS NULL
ORDER BY e.tenant, e.stream
LIMIT $1
