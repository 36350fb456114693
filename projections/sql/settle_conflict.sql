-- Settles conflicts. $1 id, $2 sequence of the resolution, $3 choice, $4 user, $5 received at, $6 note.
UPDATE projections.conflict AS c
SET
    status            = 'resolved',
    resolved_sequence = n.resolved_sequence,
    choice            = n.choice,
    resolved_by       = n.resolved_by,
    resolved_at       = n.resolved_at,
    note              = n.note
FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::timestamptz[], $6::text[]) AS n (
    conflict_id, resolved_sequence, choice, resolved_by, resolved_at, note
)
WHERE c.conflict_id = n.conflict_id
