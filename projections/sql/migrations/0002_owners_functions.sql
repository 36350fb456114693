-- A function with its owner's rights resolves every name, of types too, where nobody else can put one: the temporary
-- schema comes first wherever `search_path` does not name it, and there a domain called `text` may run anything.

ALTER FUNCTION projections.guard(regclass, boolean) SET search_path = pg_catalog, pg_temp;
ALTER FUNCTION projections.begin_rebuild(text) SET search_path = pg_catalog, pg_temp;
ALTER FUNCTION projections.hold(text) SET search_path = pg_catalog, pg_temp;
ALTER FUNCTION projections.finish_rebuild(text) SET search_path = pg_catalog, pg_temp;
ALTER FUNCTION projections.begin_check(text) SET search_path = pg_catalog, pg_temp;
ALTER FUNCTION projections.compare(text, integer) SET search_path = pg_catalog, pg_temp;
