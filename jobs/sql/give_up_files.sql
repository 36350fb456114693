-- Gives up the files that lock_deleted_files has locked, but those that came under a report meanwhile, and records each.
-- Answers how many. $1 municípios and $2 ids, side by side; $3 the time; $4 the run.
WITH given_up AS (
    UPDATE techdengue.evidence_file AS f
       SET status = 'deleted', deleted_at = $3::timestamptz
      FROM unnest($1::text[], $2::text[]) AS w (municipio_cod_ibge, evidencia_id)
     WHERE f.municipio_cod_ibge = w.municipio_cod_ibge
       AND f.evidencia_id = w.evidencia_id
       AND f.status = 'verified'
       AND NOT EXISTS (
           SELECT FROM jobs.report_leaf AS l
            WHERE l.municipio_cod_ibge = w.municipio_cod_ibge AND l.evidencia_id = w.evidencia_id
       )
    RETURNING f.municipio_cod_ibge, f.evidencia_id, f.object_key, f.thumbnail_key, f.size_bytes, f.hash_sha256
), recorded AS (
    INSERT INTO jobs.deleted_file (
           municipio_cod_ibge, evidencia_id, object_key, thumbnail_key, size_bytes, hash_sha256, run_id, given_up_at)
    SELECT g.municipio_cod_ibge, g.evidencia_id, g.object_key, g.thumbnail_key, g.size_bytes, g.hash_sha256, $4::uuid,
           $3::timestamptz
      FROM given_up AS g
    RETURNING 1
)
SELECT count(*) FROM recorded
