-- By município: activities and evidence that came between $1 and $2, conflicts that are open since before $2, and devices
-- that have been silent since before $3 (seven days before $2) but not since before $4.
WITH arrived AS (
    SELECT e.tenant AS municipio,
           count(*) FILTER (WHERE e.type = 'atividade.create') AS activities,
           count(*) FILTER (WHERE e.type = 'evidencia.create') AS evidence
    FROM eventstore.event AS e
    WHERE e.recorded_at >= $1 AND e.recorded_at < $2 AND e.outcome = 'applied'
      AND e.type IN ('atividade.create', 'evidencia.create')
    GROUP BY e.tenant
), parked AS (
    SELECT c.municipio_cod_ibge AS municipio, count(*) AS open_conflicts
    FROM projections.conflict AS c
    WHERE c.status = 'open' AND c.opened_at < $2
    GROUP BY c.municipio_cod_ibge
), heard AS (
    SELECT s.municipio_cod_ibge AS municipio,
           greatest(
               s.last_received_at,
               (SELECT max(r.received_at) FROM techdengue.sync_request AS r WHERE r.device_id = s.device_id)
           ) AS last_at
    FROM projections.device_status AS s
    JOIN techdengue.device AS d ON d.device_id = s.device_id AND d.forgotten_at IS NULL
), silent AS (
    SELECT h.municipio, count(*) AS silent_devices
    FROM heard AS h
    WHERE h.last_at < $3 AND h.last_at >= $4
    GROUP BY h.municipio
)
SELECT municipio,
       coalesce(a.activities, 0) AS activities,
       coalesce(a.evidence, 0) AS evidence,
       coalesce(p.open_conflicts, 0) AS open_conflicts,
       coalesce(s.silent_devices, 0) AS silent_devices
FROM arrived AS a
FULL JOIN parked AS p USING (municipio)
FULL JOIN silent AS s USING (municipio)
