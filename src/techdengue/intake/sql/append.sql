-- Append a group's units to the log and, with the winners, what must be written with them: conflicts opened and
-- settled, and the request log. One statement, autocommit. Answers what eventstore.append answers.
-- $1 lane; $2 events, $3 heads, $4 writers, as eventstore.append takes them; $5 conflicts opened, $6 conflicts settled,
-- $7 requests: rows of projections.opened_row, projections.settled_row and techdengue.request_row.
WITH appended AS MATERIALIZED (
    SELECT first_position, moved FROM eventstore.append($1, $2, $3, $4)
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
           server_kept, no_change, parked, already_processed, refused, error_codes, municipios)
    SELECT r.device_id, r.user_id, r.batch_id, r.received_at, r.clock_offset_us, r.operations, r.applied,
           r.client_applied, r.merged, r.server_kept, r.no_change, r.parked, r.already_processed, r.refused,
           r.error_codes, r.municipios
      FROM unnest($7::techdengue.request_row[]) AS r
      JOIN appended AS a ON r.unit <> ALL (a.moved)
)
SELECT first_position, moved FROM appended
