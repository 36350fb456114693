-- Says of a report why it will not be made.
-- $1 id, $2 its município, $3 why.
UPDATE jobs.report SET status = 'failed', failure = $3
WHERE report_id = $1 AND municipio_cod_ibge = $2 AND status <> 'ready'
