-- An empty temporary table of the projection's shape, gone with the transaction. $1 projection.
SELECT projections.begin_check($1)
