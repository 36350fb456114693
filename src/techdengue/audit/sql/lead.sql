-- Whether this session is the one that copies and forwards; it stays so until it ends. $1 the lock.
SELECT pg_try_advisory_lock($1::bigint)
