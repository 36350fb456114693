-- What a message about report $1 is made of: its code and status, and who asked for it.
SELECT r.code, r.status, r.requested_by FROM jobs.report AS r WHERE r.report_id = $1
