-- Everything durable at a gateway. Times are ms since 1970; ids are lower-case ULIDs; digests and keys are raw bytes.

-- Who this box is. keyring is the newest signed keyring, always under the pinned keyring_key.
CREATE TABLE identity (
    id             TEXT    NOT NULL PRIMARY KEY CHECK (id = 'one'),
    gateway_id     TEXT    NOT NULL,
    site_id        TEXT    NOT NULL,
    -- The life of this file: random, made with it.
    stream         TEXT    NOT NULL,
    keyring_key    BLOB    NOT NULL,
    keyring        BLOB    NOT NULL,
    keyring_serial INTEGER NOT NULL,
    origin         TEXT    NOT NULL,
    created_at     INTEGER NOT NULL
) STRICT;

-- Committed events that no seal holds yet: at most a seal's worth, sealed within 100 ms or at the next start.
CREATE TABLE event (
    seq      INTEGER NOT NULL PRIMARY KEY,
    bytes    BLOB    NOT NULL,
    -- JSON array of disclosures.
    openings TEXT    NOT NULL,
    -- 1: this event must be the last of its seal.
    closes   INTEGER NOT NULL CHECK (closes IN (0, 1))
) STRICT;

-- Stored before the first publish. openings NULL: deleted 7 days after the receipt.
CREATE TABLE seal (
    no        INTEGER NOT NULL PRIMARY KEY,
    first_seq INTEGER NOT NULL,
    next_seq  INTEGER NOT NULL,
    bytes     BLOB    NOT NULL,
    hash      BLOB    NOT NULL,
    openings  TEXT,
    -- Bytes of seal and openings together.
    size      INTEGER NOT NULL,
    sealed_at INTEGER NOT NULL,
    freed_at  INTEGER
) STRICT;
CREATE INDEX seal_next_seq_idx ON seal (next_seq, no);
CREATE INDEX seal_unfreed_idx ON seal (no) WHERE freed_at IS NULL;

-- How often each event was recorded, for `status`.
CREATE TABLE counter (
    code INTEGER NOT NULL PRIMARY KEY,
    n    INTEGER NOT NULL
) STRICT;

-- The last head of each log that this gateway verified itself.
CREATE TABLE head (
    origin      TEXT    NOT NULL PRIMARY KEY,
    size        INTEGER NOT NULL,
    root        BLOB    NOT NULL,
    verified_at INTEGER NOT NULL
) STRICT;

-- Signed snapshots, the newest and the one before.
CREATE TABLE snapshot (
    epoch      INTEGER NOT NULL PRIMARY KEY,
    digest     BLOB    NOT NULL,
    signed     BLOB    NOT NULL,
    applied_at INTEGER NOT NULL
) STRICT;

-- The payload of the newest revocation list.
CREATE TABLE revocation (
    id         TEXT    NOT NULL PRIMARY KEY CHECK (id = 'one'),
    epoch      INTEGER NOT NULL,
    payload    BLOB    NOT NULL,
    applied_at INTEGER NOT NULL
) STRICT;

-- The last code accepted from each pass; a code not above it is a replay.
CREATE TABLE ratchet (
    pass_id  TEXT    NOT NULL PRIMARY KEY,
    at_s     INTEGER NOT NULL,
    n        INTEGER NOT NULL,
    moved_at INTEGER NOT NULL
) STRICT;

-- Messages of devices that were answered, so that a repeat gets the same answer. answer NULL: there is nothing to answer.
CREATE TABLE answered (
    row_no    INTEGER NOT NULL PRIMARY KEY,
    device_id TEXT    NOT NULL,
    boot      BLOB    NOT NULL,
    n         INTEGER NOT NULL,
    answer    BLOB,
    at        INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX answered_key ON answered (device_id, boot, n);

-- Entries granted whose door has neither opened nor locked again.
CREATE TABLE release (
    correlation TEXT    NOT NULL PRIMARY KEY,
    door_id     TEXT    NOT NULL,
    at          INTEGER NOT NULL
) STRICT;

-- Orders that have been dealt with. cut_seq: number of the event log.cut.
CREATE TABLE command (
    id      TEXT    NOT NULL PRIMARY KEY,
    outcome TEXT    NOT NULL CHECK (outcome IN ('executed', 'expired', 'rejected')),
    cut_seq INTEGER,
    at      INTEGER NOT NULL
) STRICT;

CREATE TABLE cut (
    seq   INTEGER NOT NULL PRIMARY KEY,
    nonce BLOB    NOT NULL,
    at    INTEGER NOT NULL
) STRICT;

-- Written by `device issue` and `device revoke`, which are processes of their own; `run` records what is new.
CREATE TABLE device (
    id               TEXT    NOT NULL PRIMARY KEY,
    door_id          TEXT    NOT NULL,
    kind             TEXT    NOT NULL CHECK (kind IN ('reader', 'lock')),
    direction        TEXT    CHECK (direction IN ('in', 'out')),
    serial           TEXT    NOT NULL,
    fingerprint      BLOB    NOT NULL,
    issued_at        INTEGER NOT NULL,
    recorded_at      INTEGER,
    revoke_asked_at  INTEGER,
    revoked_at       INTEGER,
    CHECK ((kind = 'reader') = (direction IS NOT NULL))
) STRICT;

CREATE TABLE observer (
    id         BLOB    NOT NULL PRIMARY KEY,
    expires_at INTEGER NOT NULL
) STRICT;

-- Single instants: 'fresh' (wall time of the last freshness that matched), 'floor' (wall time that has certainly passed).
CREATE TABLE mark (
    name TEXT    NOT NULL PRIMARY KEY,
    at   INTEGER NOT NULL
) STRICT;
