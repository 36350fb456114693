-- The object of an upload was copied to a key that nobody may write to; no row where the upload is not on its way any more.
-- $1 município, $2 evidencia, $3 object key, $4 the new one.
UPDATE techdengue.evidence_file AS f
   SET object_key = $4
 WHERE f.municipio_cod_ibge = $1 AND f.evidencia_id = $2 AND f.object_key = $3 AND f.status = 'uploading'
RETURNING f.object_key
