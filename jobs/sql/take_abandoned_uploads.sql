-- Uploads that came to nothing and began long ago, taken out of the table: at most so many. Those that somebody is
-- completing at this moment are left.
-- $1 they began before, $2 at most.
WITH old AS MATERIALIZED (  -- at most so many whatever the plan is: see claim.sql
    SELECT t.municipio_cod_ibge, t.evidencia_id
      FROM techdengue.evidence_file AS t
     WHERE t.status IN ('uploading', 'refused') AND t.started_at < $1
     ORDER BY t.started_at
     LIMIT $2
       FOR UPDATE SKIP LOCKED
)
DELETE FROM techdengue.evidence_file AS f
 USING old
 WHERE f.municipio_cod_ibge = old.municipio_cod_ibge AND f.evidencia_id = old.evidencia_id
RETURNING f.object_key, f.multipart_upload_id
