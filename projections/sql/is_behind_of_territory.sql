-- Whether another device than $2 wrote after position $1 in the municípios $3: the newest events are looked at first.
SELECT EXISTS (
    SELECT
    FROM unnest($3::text[]) AS t (tenant)
    CROSS JOIN LATERAL (
        SELECT
        FROM eventstore.event AS e
        WHERE e.tenant = t.tenant AND e.lane = 0 AND e.position > $1 AND e.writer <> $2
        ORDER BY e.position DESC
        LIMIT 1
    ) AS newer
)
