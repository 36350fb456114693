-- A device's file: its queue, its copies of the server's documents, its open conflicts, and what it remembers.
CREATE TABLE operation (
    place INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    entity_type TEXT NOT NULL,
    entity_name TEXT NOT NULL,                  -- the entity's id as text
    municipio TEXT NOT NULL,                    -- '' where the device does not know it
    state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'refused')),
    body BLOB NOT NULL,                         -- the operation, byte for byte as it is sent each time
    code TEXT,                                  -- of a refusal
    message TEXT,
    path TEXT
) STRICT;
CREATE INDEX operation_state ON operation (state, place);
CREATE INDEX operation_entity ON operation (entity_type, entity_name, place);
CREATE TABLE copy (
    entity_type TEXT NOT NULL,
    entity_name TEXT NOT NULL,
    municipio TEXT NOT NULL,
    entity_id BLOB NOT NULL,                    -- JSON, as the server answered it
    version INTEGER NOT NULL,                   -- the last one whose document this device has wholly seen
    data BLOB,                                  -- JSON; NULL: the entity is deleted
    download INTEGER NOT NULL,                  -- the full download that brought it, or that it outlived
    PRIMARY KEY (entity_type, entity_name, municipio)
) STRICT, WITHOUT ROWID;
CREATE TABLE conflict (
    conflict_id TEXT NOT NULL PRIMARY KEY,
    body BLOB NOT NULL                          -- JSON, as the server answered it
) STRICT;
CREATE TABLE memory (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;
