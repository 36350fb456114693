-- Whether another device than $2 wrote after position $1: the newest events are looked at first.
SELECT EXISTS (
    SELECT
    FROM eventstore.event AS e
    WHERE e.lane = 0 AND e.position > $1 AND e.writer <> $2
    ORDER BY e.position DESC
    LIMIT 1
)
