-- Takes a lock of this package until it is given back or the session ends; false when somebody else has it. $1 its name.
SELECT pg_try_advisory_lock(hashtextextended('projections.' || $1, 0))
