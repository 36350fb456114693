-- Notes that the collector has all entries up to this one. $1 its id.
UPDATE techdengue.audit_cursor
   SET position = $1::bigint, moved_at = now()
 WHERE name = 'syslog' AND position < $1::bigint
