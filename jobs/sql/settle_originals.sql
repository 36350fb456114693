-- Says that the originals of these archived reports are gone. $1 reports; $2 time.
UPDATE jobs.archived_report AS a
   SET original_gone_at = $2::timestamptz
 WHERE a.report_id = ANY ($1::uuid[])
