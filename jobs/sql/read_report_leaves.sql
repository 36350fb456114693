-- The leaves of a report, in their order.
-- $1 the report.
SELECT l.ordinal, l.evidencia_id, l.record, l.leaf_hash
FROM jobs.report_leaf AS l
WHERE l.report_id = $1
ORDER BY l.ordinal
