-- Append a group's units to the log and, with the winners, what must be written with them: conflicts opened and
-- settled, the request log, and the runs of jobs that follow. One statement, autocommit. Answers what eventstore.append answers.
-- $1 lane; $2 events, $3 heads, $4 writers, as eventstore.append takes them; $5 conflicts opened, $6 conflicts settled,
-- $7 requests, $8 runs, $9 files verified: rows of projections.opened_row, projections.settled_row,
-- techdengue.request_row, jobs.queued_row and techdengue.verified_row; $10 the requests' addresses, in their order; $11
-- devices, $12 their owners (in pairs); $13 writers, $14 keys, $15 tenants of events (in threes): believed, and where one
-- does not hold, nothing is written, and nothing answered. Fails with TD001 where the upload of one of those files was
-- given up.
WITH lost AS MATERIALIZED (
    SELECT
      FROM unnest($11::text[], $12::text[]) AS believed (device_id, owner)
     WHERE NOT EXISTS (
           SELECT FROM techdengue.device AS d
            -- The concatenations keep the planner from indexes of whoever has many devices, or of the tenant.
            WHERE d.device_id = believed.device_id AND d.owner || '' = believed.owner AND d.forgotten_at IS NULL)
    UNION ALL
    SELECT
      FROM unnest($13::text[], $14::text[], $15::text[]) AS believed (writer, key, tenant)
     WHERE NOT EXISTS (
           SELECT FROM eventstore.event AS e
            WHERE e.writer = believed.writer AND e.key = believed.key AND e.tenant || '' = believed.tenant)
), appended AS MATERIALIZED (
    SELECT a.first_position, a.moved
      FROM (SELECT WHERE NOT EXISTS (SELECT FROM lost)) AS believed
     CROSS JOIN LATERAL eventstore.append($1, $2, $3, $4) AS a
), opened AS (
    INSERT INTO projections.conflict (
           conflict_id, municipio_cod_ibge, entity_type, entity_id, stream, sequence, conflict_type, strategy,
           device_id, user_id, opened_at)
    SELECT c.conflict_id, c.municipio_cod_ibge, c.entity_type, c.entity_id, c.stream, c.sequence, c.conflict_type,
           c.strategy, c.device_id, c.user_id, c.opened_at
      FROM unnest($5::projections.opened_row[]) AS c
      JOIN appended AS a ON c.unit <> ALL (a.moved)
), settled AS (
    UPDATE projections.conflict AS t
       SET status = 'resolved',
           resolved_sequence = c.sequence,
           choice = c.choice,
           resolved_by = c.resolved_by,
           resolved_at = c.resolved_at,
           note = c.note
      FROM unnest($6::projections.settled_row[]) AS c
      JOIN appended AS a ON c.unit <> ALL (a.moved)
     WHERE t.conflict_id = c.conflict_id
), logged AS (
    INSERT INTO techdengue.sync_request (
           device_id, user_id, batch_id, received_at, clock_offset_us, operations, applied, client_applied, merged,
           server_kept, no_change, parked, already_processed, refused, error_codes, municipios, address)
    SELECT r.device_id, r.user_id, r.batch_id, r.received_at, r.clock_offset_us, r.operations, r.applied,
           r.client_applied, r.merged, r.server_kept, r.no_change, r.parked, r.already_processed, r.refused,
           r.error_codes, r.municipios, ($10::text[])[r.ordinality]::inet
      FROM unnest($7::techdengue.request_row[]) WITH ORDINALITY AS r
      JOIN appended AS a ON r.unit <> ALL (a.moved)
), queued AS (
    INSERT INTO jobs.run (
           run_id, job, queue, key, arguments, origin, max_attempts, requested_by, municipio_cod_ibge)
    SELECT q.run_id, q.job, q.queue, q.key, q.arguments, 'commit', q.max_attempts, q.requested_by, q.municipio_cod_ibge
      FROM unnest($8::jobs.queued_row[]) AS q
      JOIN appended AS a ON q.unit <> ALL (a.moved)
        ON CONFLICT DO NOTHING
)
SELECT first_position, moved, techdengue.mark_verified($9::techdengue.verified_row[], moved) AS verified FROM appended
