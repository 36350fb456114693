-- Answers the statements that make the login role of the server: $1 its name, $2 its password, $3 the roles that it may
-- take on. It inherits nothing: each pool names the role it works under. Made anew or brought up to date.
SELECT concat_ws(
    '; ',
    format(
        '%s ROLE %I LOGIN NOINHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS PASSWORD %L',
        CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = $1::text) THEN 'ALTER' ELSE 'CREATE' END,
        $1::text,
        $2::text
    ),
    (SELECT string_agg(format('GRANT %I TO %I', granted, $1::text), '; ') FROM unnest($3::text[]) AS granted)
);
