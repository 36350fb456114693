-- Drops a partition of the request log, if it has so many rows and all of it is in the audit trail. $1 its name; $2 the rows.
SELECT techdengue.drop_request_partition($1, $2)
