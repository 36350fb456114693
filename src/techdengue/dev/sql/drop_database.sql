-- Answers the statement that drops a database ($1), cutting its sessions.
SELECT format('DROP DATABASE IF EXISTS %I WITH (FORCE)', $1::text);
