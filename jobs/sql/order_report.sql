-- Notes a report that somebody asks for.
-- $1 id, $2 code, $3 município, $4 activity, $5 and $6 first and last day, $7 page size, $8 orientation, $9 who asks, $10 when,
-- $11 the run that will make it, $12 the order's key or NULL.
INSERT INTO jobs.report (
    report_id, code, municipio_cod_ibge, atividade_id, period_start, period_end, page_size, orientation, requested_by,
    requested_at, run_id, idempotency_key
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
