-- What a message about conflict $1 is made of: its entity type and status, the user of the device that wrote it.
SELECT c.entity_type, c.municipio_cod_ibge, c.status, coalesce(d.owner, c.user_id) AS user_id
FROM projections.conflict AS c
LEFT JOIN techdengue.device AS d ON d.device_id = c.device_id AND d.forgotten_at IS NULL
WHERE c.conflict_id = $1
