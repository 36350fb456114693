-- Every table of ours, whether this role may vacuum it, the statement that does, which takes no parameters, and how many
-- dead rows PostgreSQL's statistics have of it. Locks none of them.
SELECT
    c.oid,
    format('%I.%I', n.nspname, c.relname) AS name,
    format('VACUUM (ANALYZE, SKIP_LOCKED) %I.%I', n.nspname, c.relname) AS statement,
    CASE
        WHEN current_setting('server_version_num')::integer >= 170000 THEN has_table_privilege(c.oid, 'MAINTAIN')
        ELSE pg_has_role(c.relowner, 'USAGE')
            OR (SELECT pg_has_role(d.datdba, 'USAGE') FROM pg_catalog.pg_database AS d WHERE d.datname = current_database())
    END AS permitted,
    coalesce(pg_stat_get_dead_tuples(c.oid), 0) AS dead_rows
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname IN ('eventstore', 'techdengue', 'projections', 'jobs')
ORDER BY dead_rows DESC, name
