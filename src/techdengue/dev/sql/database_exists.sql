-- Answers whether there is a database of this name ($1).
SELECT EXISTS (SELECT FROM pg_catalog.pg_database WHERE datname = $1::text);
