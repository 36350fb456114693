-- Drops what the newest full download did not bring again. ?1 that download.
DELETE FROM copy WHERE download < ?1
