-- The last part that a partition of this name ever had in the archive, 0 where it had none: a month that was dropped and is
-- made again goes on numbering, so that no object takes another one's place. $1 partition.
SELECT coalesce(max(a.part), 0)
FROM jobs.archived_requests AS a
WHERE a.partition = $1
