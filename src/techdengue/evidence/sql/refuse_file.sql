-- An upload comes to nothing; no row where it is not on its way any more.
-- $1 município, $2 evidencia, $3 object key, $4 why.
UPDATE techdengue.evidence_file AS f
   SET status = 'refused', refusal = $4
 WHERE f.municipio_cod_ibge = $1 AND f.evidencia_id = $2 AND f.object_key = $3 AND f.status = 'uploading'
RETURNING f.object_key
