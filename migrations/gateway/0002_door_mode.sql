-- Modes that an order gave to doors; a door without a row decides by credential.
CREATE TABLE door_mode (
    door_id    TEXT    NOT NULL PRIMARY KEY,
    mode       TEXT    NOT NULL CHECK (mode IN ('lockdown', 'blocked')),
    changed_at INTEGER NOT NULL
) STRICT;
