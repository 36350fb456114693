-- Append a group's units to the log and, with the winners, what must be written with them: conflicts opened and
-- settled, and the request log. One statement, autocommit. Answers what eventstore.append answers.
-- $1 lane; $2–$32 the arrays of eventstore.append.
-- $33–$44 conflicts opened: unit, conflict id, município, entity type and id, stream, sequence, conflict type,
--         strategy, device, user, time.
-- $45–$51 conflicts settled: unit, conflict id, sequence of the resolution, choice, user, time, note.
-- $52–$68 requests: unit (-1: it appends nothing), device, user, batch, time, clock offset in µs, operations, then
--         how many were applied, client_applied, merged, server_kept, no_change, parked, already processed, refused;
--         error codes and municípios, comma-separated.
WITH appended AS MATERIALIZED (
    SELECT first_position, moved
      FROM eventstore.append(
           $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23,
           $24, $25, $26, $27, $28, $29, $30, $31, $32)
), opened AS (
    INSERT INTO projections.conflict (
           conflict_id, municipio_cod_ibge, entity_type, entity_id, stream, sequence, conflict_type, strategy,
           device_id, user_id, opened_at)
    SELECT c.conflict_id, c.municipio, c.entity_type, c.entity_id, c.stream, c.sequence, c.conflict_type, c.strategy,
           c.device_id, c.user_id, c.opened_at
      FROM unnest($33::integer[], $34::uuid[], $35::text[], $36::text[], $37::text[], $38::text[], $39::bigint[],
                  $40::text[], $41::text[], $42::text[], $43::text[], $44::timestamptz[])
           AS c (unit, conflict_id, municipio, entity_type, entity_id, stream, sequence, conflict_type, strategy,
                 device_id, user_id, opened_at)
      JOIN appended AS a ON c.unit <> ALL (a.moved)
), settled AS (
    UPDATE projections.conflict AS t
       SET status = 'resolved',
           resolved_sequence = c.sequence,
           choice = c.choice,
           resolved_by = c.resolved_by,
           resolved_at = c.resolved_at,
           note = c.note
      FROM unnest($45::integer[], $46::uuid[], $47::bigint[], $48::text[], $49::text[], $50::timestamptz[],
                  $51::text[])
           AS c (unit, conflict_id, sequence, choice, resolved_by, resolved_at, note)
      JOIN appended AS a ON c.unit <> ALL (a.moved)
     WHERE t.conflict_id = c.conflict_id
), logged AS (
    INSERT INTO techdengue.sync_request (
           device_id, user_id, batch_id, received_at, clock_offset_us, operations, applied, client_applied, merged,
           server_kept, no_change, parked, already_processed, refused, error_codes, municipios)
    SELECT r.device_id, r.user_id, r.batch_id, r.received_at, r.clock_offset_us, r.operations, r.applied,
           r.client_applied, r.merged, r.server_kept, r.no_change, r.parked, r.already_processed, r.refused,
           string_to_array(r.error_codes, ','), string_to_array(r.municipios, ',')
      FROM unnest($52::integer[], $53::text[], $54::text[], $55::text[], $56::timestamptz[], $57::bigint[],
                  $58::integer[], $59::integer[], $60::integer[], $61::integer[], $62::integer[], $63::integer[],
                  $64::integer[], $65::integer[], $66::integer[], $67::text[], $68::text[])
           AS r (unit, device_id, user_id, batch_id, received_at, clock_offset_us, operations, applied,
                 client_applied, merged, server_kept, no_change, parked, already_processed, refused, error_codes,
                 municipios)
      JOIN appended AS a ON r.unit <> ALL (a.moved)
)
SELECT first_position, moved FROM appended
