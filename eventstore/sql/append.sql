-- Appends units of events, each whole or not at all (migrations/0002_append.sql says how).
-- $1 lane; $2–$17 events, $18–$28 heads, $29–$32 writers: the arrays of `append_arguments`, in its order.
SELECT
    first_position,
    moved
FROM eventstore.append(
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24,
    $25, $26, $27, $28, $29, $30, $31, $32
)
