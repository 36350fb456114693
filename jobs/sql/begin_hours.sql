-- The hour to count from, held until the end of the transaction, and the hour of the first event of all (both NULL where
-- there is none). $1 an earlier hour to count from again, or NULL.
SELECT
    least(p.hour, date_trunc('hour', $1::timestamptz, 'UTC')) AS place,
    (
        SELECT date_trunc('hour', e.recorded_at, 'UTC')
        FROM eventstore.event AS e
        ORDER BY e.recorded_at
        LIMIT 1
    ) AS first_hour
FROM projections.sync_metrics_place AS p
FOR UPDATE OF p
