-- A new upload of an evidencia, in the place of the one that the caller saw; no row where another one came first.
-- $1 município, $2 evidencia, $3 object key, $4 bytes, $5 SHA-256 in hexadecimal, $6 content type, $7 id of the multipart
-- upload or NULL, $8 user, $9 object key of the upload that was seen, NULL for none.
INSERT INTO techdengue.evidence_file AS f (
       municipio_cod_ibge, evidencia_id, object_key, size_bytes, hash_sha256, content_type, multipart_upload_id,
       started_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (municipio_cod_ibge, evidencia_id) DO UPDATE
   SET object_key = excluded.object_key,
       size_bytes = excluded.size_bytes,
       hash_sha256 = excluded.hash_sha256,
       content_type = excluded.content_type,
       multipart_upload_id = excluded.multipart_upload_id,
       status = 'uploading',
       started_at = now(),
       started_by = excluded.started_by,
       verified_at = NULL,
       verified_by = NULL,
       sniffed_type = NULL,
       refusal = NULL,
       deleted_at = NULL,
       thumbnail_key = NULL,
       width = NULL,
       height = NULL,
       captured_at = NULL,
       longitude = NULL,
       latitude = NULL,
       orientation = NULL,
       flags = '{}',
       described_at = NULL
 WHERE f.object_key = $9 AND f.status <> 'verified'
RETURNING f.object_key
