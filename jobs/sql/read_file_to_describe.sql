-- A verified file and the document of its evidencia, as JSON.
-- $1 município, $2 evidencia.
SELECT f.object_key, f.sniffed_type, f.status, h.document
  FROM techdengue.evidence_file AS f
  JOIN eventstore.stream AS h ON h.tenant = f.municipio_cod_ibge AND h.stream = 'evidencia/' || f.evidencia_id
 WHERE f.municipio_cod_ibge = $1 AND f.evidencia_id = $2
