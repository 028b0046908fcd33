-- What a witness has cosigned: the latest head of each log, and nothing else.

CREATE TABLE witnessed (
    origin      TEXT PRIMARY KEY,
    -- SHA-256 of the origin in lower-case hexadecimal: how the reading side of the protocol asks for a log.
    origin_hash TEXT NOT NULL UNIQUE,
    size        INTEGER NOT NULL CHECK (size >= 0),
    root        BLOB NOT NULL CHECK (length(root) = 32),
    -- The checkpoint with the log's own signature and ours, never with signatures that nobody here has verified.
    note        TEXT NOT NULL,
    cosigned_at INTEGER NOT NULL
) STRICT;

-- A head only grows. The flow decides; this is the belt.
CREATE TRIGGER witnessed_grows BEFORE UPDATE ON witnessed
WHEN NEW.size < OLD.size OR (NEW.size = OLD.size AND NEW.root <> OLD.root)
BEGIN
    SELECT RAISE(ABORT, 'witnessed_grows');
END;
