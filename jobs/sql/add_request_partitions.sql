-- Makes the partitions of the request log that are missing; answers how many. $1 for so many months ahead.
SELECT techdengue.add_request_partitions($1)
