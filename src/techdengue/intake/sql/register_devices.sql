-- Register devices $1 to users $2 (in pairs), where nobody owns them; a forgotten device is free for anybody.
-- Answers the owner of each.
WITH wanted AS (
    SELECT DISTINCT ON (device_id) device_id, owner
      FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS w (device_id, owner, place)
     ORDER BY device_id, place
), registered AS (
    INSERT INTO techdengue.device AS d (device_id, owner)
    SELECT device_id, owner FROM wanted ORDER BY device_id
    ON CONFLICT (device_id) DO UPDATE
       SET owner = CASE WHEN d.forgotten_at IS NULL THEN d.owner ELSE EXCLUDED.owner END,
           registered_at = CASE WHEN d.forgotten_at IS NULL THEN d.registered_at ELSE now() END,
           forgotten_at = NULL
    RETURNING d.device_id, d.owner
)
SELECT device_id, owner FROM registered
