-- Sets whose rows the transaction may see, and answers the log's identity and its last position.
-- $1 municípios, comma-separated, or '*'.
SELECT
    set_config('eventstore.tenants', $1, true) AS municipios,
    (SELECT l.id::text FROM projections.log AS l) AS log,
    coalesce((SELECT l.position FROM eventstore.lane AS l WHERE l.lane = 0), 0) AS tail
