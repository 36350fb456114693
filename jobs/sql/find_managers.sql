-- The managers (GESTOR) of municípios $1, or all of them (NULL), each with the territory of the token with which they last
-- registered a device: that device decides what somebody is.
SELECT g.owner AS user_id, g.owner_municipios AS municipios
FROM techdengue.device AS g
WHERE g.owner_role = 'GESTOR' AND g.forgotten_at IS NULL
  AND ($1::text[] IS NULL OR g.owner_municipios && ($1::text[] || '{*}'::text[]))
  AND NOT EXISTS (
      SELECT FROM techdengue.device AS n
      WHERE n.owner = g.owner AND n.owner_role IS NOT NULL AND n.forgotten_at IS NULL
        AND (n.refreshed_at, n.device_id) > (g.refreshed_at, g.device_id)
  )
ORDER BY g.owner
