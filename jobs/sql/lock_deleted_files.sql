-- Files of evidence that was deleted before a time, under no report, locked until the end of the transaction; at most
-- 1,000. The head tells when: nothing has happened to the evidence since. $1 the time.
SELECT f.municipio_cod_ibge, f.evidencia_id
FROM projections.evidencia AS e
JOIN techdengue.evidence_file AS f
    ON f.municipio_cod_ibge = e.municipio_cod_ibge AND f.evidencia_id = e.evidencia_id AND f.status = 'verified'
JOIN eventstore.stream AS h
    ON h.tenant = e.municipio_cod_ibge AND h.stream = 'evidencia/' || e.evidencia_id AND h.version = e.version
WHERE (e.deleted OR e.status = 'DELETADA')
    AND h.recorded_at < $1::timestamptz
    AND NOT EXISTS (
        SELECT FROM jobs.report_leaf AS l
        WHERE l.municipio_cod_ibge = e.municipio_cod_ibge AND l.evidencia_id = e.evidencia_id
    )
ORDER BY e.municipio_cod_ibge, e.evidencia_id
LIMIT 1000
FOR UPDATE OF f SKIP LOCKED
