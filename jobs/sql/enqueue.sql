-- Queue a run, unless one of this job and key is there already; answer the id of the run that there is.
-- $1 run id, $2 job, $3 queue, $4 key or NULL, $5 arguments, $6 origin, $7 most attempts, $8 due time (NULL: now),
-- $9 who asked or NULL, $10 município or NULL. No row: one of this key is being committed at this moment; ask again.
WITH queued AS (
    INSERT INTO jobs.run (
           run_id, job, queue, key, arguments, origin, max_attempts, due_at, next_at, requested_by, municipio_cod_ibge)
    VALUES ($1, $2, $3, $4, $5, $6, $7, coalesce($8, now()), coalesce($8, now()), $9, $10)
        ON CONFLICT DO NOTHING
    RETURNING run_id
)
SELECT run_id FROM queued
UNION ALL
SELECT run_id FROM jobs.run WHERE job = $2 AND key = $4
