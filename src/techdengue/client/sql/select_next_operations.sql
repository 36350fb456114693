-- Which pending operations come after a place, oldest first? ?1 that place, ?2 at most how many.
SELECT place, municipio, body
FROM operation
WHERE state = 'pending' AND place > ?1
ORDER BY place
LIMIT ?2
