-- Blocks $1 to $2: each one's name (no two share one, neighbours are far apart), município of $3, and how long before the
-- last one it was received, $4 being the time between two.
CREATE TEMPORARY TABLE block AS
SELECT i, lpad(to_hex((i * 2654435761) % 4294967296), 8, '0') AS name,
       ($3::text[])[1 + i % cardinality($3::text[])] AS tenant, i * $4::interval AS earlier
  FROM generate_series($1::bigint, $2::bigint) AS i
