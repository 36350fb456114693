-- What an append writes, and nothing else: no read, no comparison, no losers. One statement, autocommit.
-- $1 lane; $2 events, $3 heads, $4 writers, as eventstore.append takes them; $5 conflicts opened, $6 requests, $7 runs,
-- as the intake's append takes them.
WITH placed AS (
    UPDATE eventstore.lane SET position = position + cardinality($2::eventstore.event_row[]) WHERE lane = $1
    RETURNING position - cardinality($2::eventstore.event_row[]) AS before
), events AS (
    INSERT INTO eventstore.event (
        lane, position, tenant, stream, sequence, version, type, writer, key, digest, actor, outcome, rule_set,
        occurred_at, recorded_at, payload, metadata)
    SELECT $1, p.before + e.place, e.tenant, e.stream, e.sequence, e.version, e.type, e.writer, e.key, e.digest,
           e.actor, e.outcome, e.rule_set, e.occurred_at, e.recorded_at, e.payload, e.metadata
      FROM placed AS p
      CROSS JOIN ROWS FROM (unnest($2::eventstore.event_row[])) WITH ORDINALITY
           AS e (unit, tenant, stream, sequence, version, type, writer, key, digest, actor, outcome, rule_set,
                 occurred_at, recorded_at, payload, metadata, place)
), heads AS (
    INSERT INTO eventstore.stream AS s (
        tenant, stream, sequence, version, position, updated_at, recorded_at, state, document)
    SELECT h.tenant, h.stream, h.sequence, h.version, p.before + h.event, h.updated_at, h.recorded_at, h.state,
           h.document
      FROM placed AS p
      CROSS JOIN unnest($3::eventstore.head_row[]) AS h
    ON CONFLICT (tenant, stream) DO UPDATE
       SET sequence = EXCLUDED.sequence, version = EXCLUDED.version, position = EXCLUDED.position,
           updated_at = EXCLUDED.updated_at, recorded_at = EXCLUDED.recorded_at, state = EXCLUDED.state,
           document = EXCLUDED.document
), writers AS (
    INSERT INTO eventstore.writer AS w (writer, clock)
    SELECT n.writer, n.clock
      FROM unnest($4::eventstore.writer_row[]) AS n
    ON CONFLICT (writer) DO UPDATE SET clock = EXCLUDED.clock
), opened AS (
    INSERT INTO projections.conflict (
           conflict_id, municipio_cod_ibge, entity_type, entity_id, stream, sequence, conflict_type, strategy,
           device_id, user_id, opened_at)
    SELECT c.conflict_id, c.municipio_cod_ibge, c.entity_type, c.entity_id, c.stream, c.sequence, c.conflict_type,
           c.strategy, c.device_id, c.user_id, c.opened_at
      FROM unnest($5::projections.opened_row[]) AS c
), queued AS (
    INSERT INTO jobs.run (
           run_id, job, queue, key, arguments, origin, max_attempts, requested_by, municipio_cod_ibge)
    SELECT q.run_id, q.job, q.queue, q.key, q.arguments, 'commit', q.max_attempts, q.requested_by, q.municipio_cod_ibge
      FROM unnest($7::jobs.queued_row[]) AS q
), requests AS (
    INSERT INTO techdengue.sync_request (
        device_id, user_id, batch_id, received_at, clock_offset_us, operations, applied, client_applied, merged,
        server_kept, no_change, parked, already_processed, refused, error_codes, municipios)
    SELECT r.device_id, r.user_id, r.batch_id, r.received_at, r.clock_offset_us, r.operations, r.applied,
           r.client_applied, r.merged, r.server_kept, r.no_change, r.parked, r.already_processed, r.refused,
           r.error_codes, r.municipios
      FROM unnest($6::techdengue.request_row[]) AS r
)
SELECT before FROM placed
