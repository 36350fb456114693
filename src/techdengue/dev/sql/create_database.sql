-- Answers the statement that creates a database ($1) as a copy of another ($2).
SELECT format('CREATE DATABASE %I TEMPLATE %I', $1::text, $2::text);
