-- Layout 2: files of evidence that wait for their upload, or that the server will not take.
CREATE TABLE file (
    place INTEGER PRIMARY KEY AUTOINCREMENT,
    entity_name TEXT NOT NULL,                  -- the evidencia's id as text
    municipio TEXT NOT NULL,                    -- '' where the device does not know it
    entity_id BLOB NOT NULL,                    -- JSON, as the device has it
    path TEXT NOT NULL,
    size INTEGER NOT NULL,
    state TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'refused')),
    code TEXT,                                  -- of a refusal
    message TEXT,
    UNIQUE (entity_name, municipio)
) STRICT
