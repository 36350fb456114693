-- Copies sync requests that are not in the trail yet into it, in the order of their ids, and moves the cursor with them.
-- Answers how many. $1 the last id that may be copied; $2 at most so many.
WITH place AS (
    SELECT c.position FROM techdengue.audit_cursor AS c WHERE c.name = 'sync_request' FOR UPDATE
), batch AS MATERIALIZED (
    SELECT r.id, r.received_at, r.user_id, r.device_id, r.batch_id, r.municipios, r.address
      FROM techdengue.sync_request AS r
     WHERE r.id > (SELECT p.position FROM place AS p) AND r.id <= $1::bigint
     ORDER BY r.id
     LIMIT $2::integer
), counted AS (
    SELECT count(*) AS entries, max(b.id) AS last_id FROM batch AS b
), head AS (
    UPDATE techdengue.audit_head AS h
       SET position = h.position + c.entries
      FROM counted AS c
     WHERE c.entries > 0
    RETURNING h.position - c.entries AS before
), moved AS (
    UPDATE techdengue.audit_cursor AS c
       SET position = n.last_id, moved_at = now()
      FROM counted AS n
     WHERE c.name = 'sync_request' AND n.entries > 0
), copied AS (
    INSERT INTO techdengue.audit (
           audit_id, at, user_id, device_id, action, target_type, target_id, municipios, address, outcome, status)
    SELECT h.before + row_number() OVER (ORDER BY b.id), b.received_at, b.user_id, b.device_id, 'sync', 'batch',
           left(b.batch_id, 255), b.municipios, b.address, 'allowed', 200
      FROM head AS h
     CROSS JOIN batch AS b
)
SELECT c.entries FROM counted AS c
