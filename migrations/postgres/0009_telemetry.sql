-- Sensors and counters, their newest readings, alarms, and whether the streams add up.

-- door_id is all zeros where a device stands at no door.
ALTER TABLE device DROP CONSTRAINT device_kind_check;
ALTER TABLE device ADD CONSTRAINT device_kind_check CHECK (kind IN ('reader', 'lock', 'seat_sensor', 'people_counter'));
ALTER TABLE device ADD COLUMN seat_id TEXT;
ALTER TABLE device ADD COLUMN zone_id TEXT;

-- The newest reading of a device and kind. Of passages: first is inward and second outward, totals within one boot of the
-- device; the sums go on across its boots. Of a seat: first is 0 vacant, 1 occupied, 2 unknown. Of health: first is the
-- charge in percent or -1, second is 1 for a fault.
CREATE TABLE reading (
    gateway_id  TEXT    NOT NULL REFERENCES gateway (id),
    device_id   TEXT    NOT NULL,
    kind        TEXT    NOT NULL CHECK (kind IN ('seat', 'passages', 'health')),
    boot        BYTEA    NOT NULL,
    first       BIGINT NOT NULL,
    second      BIGINT NOT NULL,
    first_sum   BIGINT NOT NULL,
    second_sum  BIGINT NOT NULL,
    at          BIGINT NOT NULL,
    err_ms      BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    PRIMARY KEY (gateway_id, device_id, kind)
);

-- What needs a human. One row from its beginning to its end; alarms of one gateway, kind and place do not overlap within a
-- stream. stream and seq: the event that began it. confirmed_at: its seal has come; before that it is an advisory copy.
-- refuted_at: the seal came and holds another event there.
CREATE TABLE alarm (
    id              TEXT    NOT NULL PRIMARY KEY,
    site_id         TEXT    NOT NULL REFERENCES site (id),
    gateway_id      TEXT    NOT NULL REFERENCES gateway (id),
    kind            TEXT    NOT NULL,
    code            BIGINT NOT NULL,
    place           TEXT    NOT NULL,
    door_id         TEXT,
    device_id       TEXT,
    zone_id         TEXT,
    stream          TEXT    NOT NULL,
    seq             BIGINT NOT NULL,
    -- 1: it has no end of its own; acknowledging ends it.
    once            BIGINT NOT NULL CHECK (once IN (0, 1)),
    -- 1: it stays on the list until somebody has acknowledged it, even when it is over.
    latching        BIGINT NOT NULL CHECK (latching IN (0, 1)),
    since           BIGINT NOT NULL,
    heard_at        BIGINT NOT NULL,
    confirmed_at    BIGINT,
    refuted_at      BIGINT,
    cleared_at      BIGINT,
    acknowledged_by TEXT,
    acknowledged_person TEXT REFERENCES person (id),
    acknowledged_at BIGINT,
    acknowledged_reason TEXT
);
CREATE UNIQUE INDEX alarm_seq_key ON alarm (gateway_id, stream, seq);
CREATE INDEX alarm_site_idx ON alarm (site_id, id);
CREATE INDEX alarm_active_idx ON alarm (gateway_id, kind, place) WHERE cleared_at IS NULL;

-- Whether a stream adds up: received + declared = last_seq, or something is missing. Of evidence this is counted again from
-- the rows of its events. missing_to: what has come ahead of its turn shows that everything up to here is missing.
CREATE TABLE stream_sum (
    gateway_id    TEXT    NOT NULL REFERENCES gateway (id),
    stream        TEXT    NOT NULL,
    kind          TEXT    NOT NULL CHECK (kind IN ('evidence', 'telemetry')),
    last_seq      BIGINT NOT NULL,
    received      BIGINT NOT NULL,
    declared      BIGINT NOT NULL,
    missing_to    BIGINT,
    wrong_since   BIGINT,
    checked_at    BIGINT NOT NULL,
    PRIMARY KEY (gateway_id, stream, kind)
);

-- Which numbers of a stream will never come, or are missing. declared: the gateway says that it shed them.
CREATE TABLE stream_gap (
    gateway_id TEXT    NOT NULL REFERENCES gateway (id),
    stream     TEXT    NOT NULL,
    kind       TEXT    NOT NULL CHECK (kind IN ('evidence', 'telemetry')),
    first_seq  BIGINT NOT NULL,
    last_seq   BIGINT NOT NULL,
    declared   BIGINT NOT NULL CHECK (declared IN (0, 1)),
    noticed_at BIGINT NOT NULL,
    PRIMARY KEY (gateway_id, stream, kind, first_seq)
);
