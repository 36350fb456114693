-- What a cold sync sends, in one answer.
SELECT h.tenant, h.stream, h.version, h.updated_at, h.document
FROM eventstore.stream AS h
WHERE h.version > 0
ORDER BY h.tenant, h.stream
