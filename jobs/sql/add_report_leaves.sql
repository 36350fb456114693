-- The evidence under a report's root, in the order of the arrays.
-- $1 report, $2 município, $3 ids, $4 keys of the files, $5 canonical records, $6 leaf hashes.
INSERT INTO jobs.report_leaf (
    report_id, municipio_cod_ibge, ordinal, evidencia_id, object_key, record, leaf_hash
)
SELECT $1, $2, l.ordinal - 1, l.evidencia_id, l.object_key, l.record, l.leaf_hash
FROM unnest($3::text[], $4::text[], $5::bytea[], $6::bytea[])
    WITH ORDINALITY AS l (evidencia_id, object_key, record, leaf_hash, ordinal)
