-- How many entries the collector does not have yet, and since when the oldest of them waits (NULL: none does); where the
-- collector has come to.
SELECT
    h.position - c.position AS entries,
    (SELECT a.at FROM techdengue.audit AS a WHERE a.audit_id = c.position + 1) AS oldest_at,
    c.position
FROM techdengue.audit_head AS h
CROSS JOIN techdengue.audit_cursor AS c
WHERE c.name = 'syslog'
