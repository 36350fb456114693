-- Until the end of the transaction nobody else registers push target $1. Before `hold_devices`.
SELECT pg_advisory_xact_lock(hashtextextended($1::text, 0))
