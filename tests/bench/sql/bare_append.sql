-- What an append writes, and nothing else: no read, no comparison, no losers. One statement, autocommit.
-- $1 lane; $2–$17 events, $18–$28 heads, $29–$32 writers: the arrays of eventstore.append; $33–$49 requests, as the
-- intake's append has them.
WITH placed AS (
    UPDATE eventstore.lane SET position = position + cardinality($2::integer[]) WHERE lane = $1
    RETURNING position - cardinality($2::integer[]) AS before
), events AS (
    INSERT INTO eventstore.event (
        lane, position, tenant, stream, sequence, version, type, writer, key, digest, actor, outcome, rule_set,
        occurred_at, recorded_at, payload, metadata)
    SELECT $1, p.before + e.place, e.tenant, e.stream, e.sequence, e.version, e.type, e.writer, e.key, e.digest,
           e.actor, e.outcome, e.rule_set, e.occurred_at, e.recorded_at, e.payload, e.metadata
      FROM placed AS p
      CROSS JOIN unnest(
           $2::integer[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::text[], $8::text[], $9::text[],
           $10::bytea[], $11::text[], $12::text[], $13::smallint[], $14::timestamptz[], $15::timestamptz[],
           $16::bytea[], $17::bytea[]) WITH ORDINALITY
           AS e (unit, tenant, stream, sequence, version, type, writer, key, digest, actor, outcome, rule_set,
                 occurred_at, recorded_at, payload, metadata, place)
), heads AS (
    INSERT INTO eventstore.stream AS s (
        tenant, stream, sequence, version, position, updated_at, recorded_at, state, document)
    SELECT h.tenant, h.stream, h.sequence, h.version, p.before + h.event, h.updated_at, h.recorded_at, h.state,
           h.document
      FROM placed AS p
      CROSS JOIN unnest(
           $18::integer[], $19::integer[], $20::text[], $21::text[], $22::bigint[], $23::bigint[], $24::bigint[],
           $25::timestamptz[], $26::timestamptz[], $27::bytea[], $28::bytea[])
           AS h (unit, event, tenant, stream, expected, sequence, version, updated_at, recorded_at, state, document)
    ON CONFLICT (tenant, stream) DO UPDATE
       SET sequence = EXCLUDED.sequence, version = EXCLUDED.version, position = EXCLUDED.position,
           updated_at = EXCLUDED.updated_at, recorded_at = EXCLUDED.recorded_at, state = EXCLUDED.state,
           document = EXCLUDED.document
), writers AS (
    INSERT INTO eventstore.writer AS w (writer, clock)
    SELECT n.writer, n.clock
      FROM unnest($29::integer[], $30::text[], $31::timestamptz[], $32::timestamptz[])
           AS n (unit, writer, expected, clock)
    ON CONFLICT (writer) DO UPDATE SET clock = EXCLUDED.clock
), requests AS (
    INSERT INTO techdengue.sync_request (
        device_id, user_id, batch_id, received_at, clock_offset_us, operations, applied, client_applied, merged,
        server_kept, no_change, parked, already_processed, refused, error_codes, municipios)
    SELECT r.device_id, r.user_id, r.batch_id, r.received_at, r.clock_offset_us, r.operations, r.applied,
           r.client_applied, r.merged, r.server_kept, r.no_change, r.parked, r.already_processed, r.refused,
           string_to_array(r.error_codes, ','), string_to_array(r.municipios, ',')
      FROM unnest($33::integer[], $34::text[], $35::text[], $36::text[], $37::timestamptz[], $38::bigint[],
                  $39::integer[], $40::integer[], $41::integer[], $42::integer[], $43::integer[], $44::integer[],
                  $45::integer[], $46::integer[], $47::integer[], $48::text[], $49::text[])
           AS r (unit, device_id, user_id, batch_id, received_at, clock_offset_us, operations, applied,
                 client_applied, merged, server_kept, no_change, parked, already_processed, refused, error_codes,
                 municipios)
)
SELECT before FROM placed
