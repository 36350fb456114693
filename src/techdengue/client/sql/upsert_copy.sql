-- Holds a document. ?1 entity type, ?2 entity name, ?3 município, ?4 id, ?5 version, ?6 data, ?7 download.
INSERT INTO copy (entity_type, entity_name, municipio, entity_id, version, data, download)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
ON CONFLICT (entity_type, entity_name, municipio) DO UPDATE
SET entity_id = excluded.entity_id,
    version = excluded.version,
    data = excluded.data,
    download = excluded.download
