-- The evidence of an activity in the order of a report's leaves (bytes of the id): verified says whether a report covers it.
-- $1 município, $2 the activity.
SELECT
    e.evidencia_id, e.tipo, e.status = 'CONCLUIDA' AND f.status IS NOT DISTINCT FROM 'verified' AS verified,
    f.hash_sha256, f.size_bytes, f.object_key, coalesce(f.sniffed_type, f.content_type) AS content_type,
    f.thumbnail_key, f.width, f.height, f.captured_at, f.longitude, f.latitude, f.flags
FROM projections.evidencia AS e
LEFT JOIN techdengue.evidence_file AS f
    ON f.municipio_cod_ibge = e.municipio_cod_ibge AND f.evidencia_id = e.evidencia_id
WHERE e.municipio_cod_ibge = $1
    AND e.atividade_id = $2
    AND NOT e.deleted
    AND e.status IS DISTINCT FROM 'DELETADA'
ORDER BY e.evidencia_id
