-- An empty table beside the live one. $1 projection.
SELECT projections.begin_rebuild($1)
