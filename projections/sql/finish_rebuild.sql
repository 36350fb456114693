-- The table built beside the live one takes its place. $1 projection.
SELECT projections.finish_rebuild($1)
