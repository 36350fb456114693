-- The file of an evidencia, in the territory of the transaction.
-- $1 município, $2 evidencia.
SELECT f.object_key, f.size_bytes, f.hash_sha256, f.content_type, f.multipart_upload_id, f.status, f.verified_at,
       f.refusal, f.thumbnail_key, f.started_by
  FROM techdengue.evidence_file AS f
 WHERE f.municipio_cod_ibge = $1 AND f.evidencia_id = $2
