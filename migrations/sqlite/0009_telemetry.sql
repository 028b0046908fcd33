-- Sensors and counters, their newest readings, alarms, and whether the streams add up.

-- A check cannot be changed in place. door_id is all zeros where a device stands at no door.
CREATE TABLE device_next (
    id          TEXT    NOT NULL PRIMARY KEY,
    site_id     TEXT    NOT NULL REFERENCES site (id),
    gateway_id  TEXT    NOT NULL REFERENCES gateway (id),
    door_id     TEXT    NOT NULL,
    kind        TEXT    NOT NULL CHECK (kind IN ('reader', 'lock', 'seat_sensor', 'people_counter')),
    direction   TEXT    CHECK (direction IN ('in', 'out')),
    certificate TEXT    NOT NULL,
    state       TEXT    NOT NULL CHECK (state IN ('enrolled', 'revoked')),
    enrolled_at INTEGER NOT NULL,
    seat_id     TEXT,
    zone_id     TEXT
) STRICT;
INSERT INTO device_next (id, site_id, gateway_id, door_id, kind, direction, certificate, state, enrolled_at)
SELECT id, site_id, gateway_id, door_id, kind, direction, certificate, state, enrolled_at FROM device;
DROP TABLE device;
ALTER TABLE device_next RENAME TO device;
CREATE INDEX device_site_idx ON device (site_id, id);

-- The newest reading of a device and kind. Of passages: first is inward and second outward, totals within one boot of the
-- device; the sums go on across its boots. Of a seat: first is 0 vacant, 1 occupied, 2 unknown. Of health: first is the
-- charge in percent or -1, second is 1 for a fault.
CREATE TABLE reading (
    gateway_id  TEXT    NOT NULL REFERENCES gateway (id),
    device_id   TEXT    NOT NULL,
    kind        TEXT    NOT NULL CHECK (kind IN ('seat', 'passages', 'health')),
    boot        BLOB    NOT NULL,
    first       INTEGER NOT NULL,
    second      INTEGER NOT NULL,
    first_sum   INTEGER NOT NULL,
    second_sum  INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    err_ms      INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    PRIMARY KEY (gateway_id, device_id, kind)
) STRICT;

-- What needs a human. One row from its beginning to its end; alarms of one gateway, kind and place do not overlap within a
-- stream. stream and seq: the event that began it. confirmed_at: its seal has come; before that it is an advisory copy.
-- refuted_at: the seal came and holds another event there.
CREATE TABLE alarm (
    id              TEXT    NOT NULL PRIMARY KEY,
    site_id         TEXT    NOT NULL REFERENCES site (id),
    gateway_id      TEXT    NOT NULL REFERENCES gateway (id),
    kind            TEXT    NOT NULL,
    code            INTEGER NOT NULL,
    place           TEXT    NOT NULL,
    door_id         TEXT,
    device_id       TEXT,
    zone_id         TEXT,
    stream          TEXT    NOT NULL,
    seq             INTEGER NOT NULL,
    -- 1: it has no end of its own; acknowledging ends it.
    once            INTEGER NOT NULL CHECK (once IN (0, 1)),
    -- 1: it stays on the list until somebody has acknowledged it, even when it is over.
    latching        INTEGER NOT NULL CHECK (latching IN (0, 1)),
    since           INTEGER NOT NULL,
    heard_at        INTEGER NOT NULL,
    confirmed_at    INTEGER,
    refuted_at      INTEGER,
    cleared_at      INTEGER,
    acknowledged_by TEXT,
    acknowledged_person TEXT REFERENCES person (id),
    acknowledged_at INTEGER,
    acknowledged_reason TEXT
) STRICT;
CREATE UNIQUE INDEX alarm_seq_key ON alarm (gateway_id, stream, seq);
CREATE INDEX alarm_site_idx ON alarm (site_id, id);
CREATE INDEX alarm_active_idx ON alarm (gateway_id, kind, place) WHERE cleared_at IS NULL;

-- Whether a stream adds up: received + declared = last_seq, or something is missing. Of evidence this is counted again from
-- the rows of its events. missing_to: what has come ahead of its turn shows that everything up to here is missing.
CREATE TABLE stream_sum (
    gateway_id    TEXT    NOT NULL REFERENCES gateway (id),
    stream        TEXT    NOT NULL,
    kind          TEXT    NOT NULL CHECK (kind IN ('evidence', 'telemetry')),
    last_seq      INTEGER NOT NULL,
    received      INTEGER NOT NULL,
    declared      INTEGER NOT NULL,
    missing_to    INTEGER,
    wrong_since   INTEGER,
    checked_at    INTEGER NOT NULL,
    PRIMARY KEY (gateway_id, stream, kind)
) STRICT;

-- Which numbers of a stream will never come, or are missing. declared: the gateway says that it shed them.
CREATE TABLE stream_gap (
    gateway_id TEXT    NOT NULL REFERENCES gateway (id),
    stream     TEXT    NOT NULL,
    kind       TEXT    NOT NULL CHECK (kind IN ('evidence', 'telemetry')),
    first_seq  INTEGER NOT NULL,
    last_seq   INTEGER NOT NULL,
    declared   INTEGER NOT NULL CHECK (declared IN (0, 1)),
    noticed_at INTEGER NOT NULL,
    PRIMARY KEY (gateway_id, stream, kind, first_seq)
) STRICT;
