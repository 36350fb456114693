-- Appends entries to the trail, numbered after the last one. $1 rows of techdengue.audit_row.
WITH head AS (
    UPDATE techdengue.audit_head
       SET position = position + cardinality($1::techdengue.audit_row[])
    RETURNING position - cardinality($1::techdengue.audit_row[]) AS before
)
INSERT INTO techdengue.audit (
       audit_id, at, user_id, role, device_id, action, target_type, target_id, municipios, address, request_id,
       outcome, status, code)
SELECT h.before + r.ordinality, now(), r.user_id, r.role, r.device_id, r.action, r.target_type, r.target_id,
       r.municipios, r.address::inet, r.request_id, r.outcome, r.status, r.code
  FROM head AS h
 CROSS JOIN unnest($1::techdengue.audit_row[]) WITH ORDINALITY AS r
