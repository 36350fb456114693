-- Until the end of the transaction, nobody else decides whether a report of this, or an order with this key, is new.
-- $1 what it is of, as text.
SELECT pg_advisory_xact_lock(hashtextextended('jobs.report/' || $1, 0))
