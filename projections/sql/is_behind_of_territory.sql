-- Whether another device than $2 wrote after position $1 in the municípios $3.
SELECT EXISTS (
    SELECT
    FROM eventstore.event AS e
    WHERE e.tenant = ANY ($3::text[]) AND e.lane = 0 AND e.position > $1 AND e.writer <> $2
)
