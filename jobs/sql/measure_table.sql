-- What a table takes with its indexes, in bytes. Waits for who has it locked. $1 its oid.
SELECT coalesce(pg_total_relation_size($1::oid), 0)
