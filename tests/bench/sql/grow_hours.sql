-- Events of the last two hours, spread over 20 municípios and 500 devices, at the end of an empty log. $1 how many.
INSERT INTO eventstore.event (
    lane, rule_set, position, sequence, version, occurred_at, recorded_at, tenant, stream, type, writer, key, digest, actor,
    outcome, payload, metadata)
SELECT
    0, 1, n, 1, 1, at - interval '1 hour', at, (5100100 + n % 20)::text, 'atividade/' || n, 'atividade.create',
    'device-' || n % 500, n::text, '', 'user-' || n % 500,
    (ARRAY['applied', 'applied', 'applied', 'merged', 'conflict'])[1 + n % 5], convert_to(repeat('x', 470), 'UTF8'), '{}'
FROM generate_series(1, $1::integer) AS n
CROSS JOIN LATERAL (SELECT now() - interval '2 hours' * (1 - n::double precision / $1::integer) AS at) AS t
