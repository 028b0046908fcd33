-- Measurements that wait for the server. A number that is missing below telemetry_row.next_seq was shed: that is its gap.
CREATE TABLE telemetry (
    seq  INTEGER NOT NULL PRIMARY KEY,
    -- CBOR of the numbered measurement.
    item BLOB    NOT NULL
) STRICT;

-- acked: stored, or noted as shed, at the server up to here.
CREATE TABLE telemetry_row (
    id       TEXT    NOT NULL PRIMARY KEY CHECK (id = 'one'),
    next_seq INTEGER NOT NULL,
    acked    INTEGER NOT NULL
) STRICT;
INSERT INTO telemetry_row (id, next_seq, acked) VALUES ('one', 1, 0);

-- The last event of each alarm, written with it. Rows of alarms that are over go with the receipt that frees their event.
CREATE TABLE alarm (
    kind   TEXT    NOT NULL,
    -- Door, device, or zeros.
    place  BLOB    NOT NULL,
    seq    INTEGER NOT NULL,
    event  BLOB    NOT NULL,
    active INTEGER NOT NULL CHECK (active IN (0, 1)),
    PRIMARY KEY (kind, place)
) STRICT;

-- Modes of doors that somebody on site asked for with `door mode`, a process of its own; `run` records and applies them.
CREATE TABLE door_wish (
    id       TEXT    NOT NULL PRIMARY KEY,
    door_id  TEXT    NOT NULL,
    mode     TEXT    NOT NULL CHECK (mode IN ('normal', 'lockdown', 'blocked')),
    reason   TEXT    NOT NULL,
    asked_at INTEGER NOT NULL,
    done_at  INTEGER,
    -- 1: done, 0: refused, for there is no such door.
    done     INTEGER CHECK (done IN (0, 1))
) STRICT;

-- Sensors stand at a seat or in a zone; their door is then the nil id.
CREATE TABLE device_of_any_kind (
    id               TEXT    NOT NULL PRIMARY KEY,
    door_id          TEXT    NOT NULL,
    kind             TEXT    NOT NULL CHECK (kind IN ('reader', 'lock', 'seat_sensor', 'people_counter')),
    direction        TEXT    CHECK (direction IN ('in', 'out')),
    seat_id          TEXT,
    zone_id          TEXT,
    serial           TEXT    NOT NULL,
    fingerprint      BLOB    NOT NULL,
    issued_at        INTEGER NOT NULL,
    recorded_at      INTEGER,
    revoke_asked_at  INTEGER,
    revoked_at       INTEGER,
    CHECK ((kind = 'reader') = (direction IS NOT NULL)),
    CHECK ((kind = 'seat_sensor') = (seat_id IS NOT NULL)),
    CHECK (zone_id IS NULL OR kind = 'people_counter')
) STRICT;
INSERT INTO device_of_any_kind
    (id, door_id, kind, direction, serial, fingerprint, issued_at, recorded_at, revoke_asked_at, revoked_at)
    SELECT id, door_id, kind, direction, serial, fingerprint, issued_at, recorded_at, revoke_asked_at, revoked_at FROM device;
DROP TABLE device;
ALTER TABLE device_of_any_kind RENAME TO device;

-- What pruning looks for, so that it reads no seal that stays.
CREATE INDEX seal_openings_idx ON seal (freed_at) WHERE openings IS NOT NULL;
CREATE INDEX seal_freed_idx ON seal (freed_at, no) WHERE freed_at IS NOT NULL;
CREATE INDEX seal_kept_idx ON seal (no, size, freed_at) WHERE freed_at IS NOT NULL;
CREATE INDEX ratchet_moved_idx ON ratchet (moved_at);
