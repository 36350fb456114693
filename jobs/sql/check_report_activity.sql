-- How much verified evidence an activity has, and whether the projections may not know of all of it yet.
-- $1 município, $2 the activity.
SELECT
    (
        SELECT count(*)
        FROM projections.evidencia AS e
        JOIN techdengue.evidence_file AS f
            ON f.municipio_cod_ibge = e.municipio_cod_ibge AND f.evidencia_id = e.evidencia_id
        WHERE e.municipio_cod_ibge = $1
            AND e.atividade_id = $2
            AND NOT e.deleted
            AND e.status = 'CONCLUIDA'
            AND f.status = 'verified'
    ) AS verified,
    coalesce((SELECT c.position FROM eventstore.checkpoint AS c WHERE c.name = 'evidencia'), 0)
        < coalesce((SELECT l.position FROM eventstore.lane AS l WHERE l.lane = 0), 0) AS behind
