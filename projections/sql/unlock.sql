-- Gives a lock of this package back. $1 its name.
SELECT pg_advisory_unlock(hashtextextended('projections.' || $1, 0))
