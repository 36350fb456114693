-- Of these keys, those that no file, no thumbnail and no report is under, nor a report's figures.
-- $1 keys; the second part of each is its município.
SELECT k.key
  FROM unnest($1::text[]) AS k (key)
 WHERE NOT EXISTS (SELECT FROM techdengue.evidence_file AS f WHERE f.object_key = k.key)
   AND NOT EXISTS (SELECT FROM techdengue.evidence_file AS f WHERE f.thumbnail_key = k.key)
   AND NOT EXISTS (
       SELECT FROM jobs.report_leaf AS l
        WHERE l.municipio_cod_ibge = split_part(k.key, '/', 2) AND l.object_key = k.key
       )
   AND NOT EXISTS (SELECT FROM jobs.report AS r WHERE r.object_key = k.key)
   AND NOT EXISTS (SELECT FROM jobs.report AS r WHERE r.json_key = k.key)
