-- A site, or a zone of it, is closed from one instant to another. Rows are kept: closed_until is where it ends in fact, ends_at
-- where it was meant to. What it made of each booking that it met is a row of closure_effect; while there are bookings without
-- one, a job goes on where it was left.

CREATE TABLE closure (
    id           TEXT    NOT NULL PRIMARY KEY,
    site_id      TEXT    NOT NULL REFERENCES site (id),
    zone_id      TEXT    REFERENCES zone (id),
    starts_at    INTEGER NOT NULL,
    ends_at      INTEGER NOT NULL,
    closed_until INTEGER NOT NULL,
    reason_ja    TEXT    NOT NULL,
    reason_en    TEXT    NOT NULL,
    emergency    INTEGER NOT NULL CHECK (emergency IN (0, 1)),
    bookings     TEXT    NOT NULL CHECK (bookings IN ('keep', 'move', 'cancel')),
    state        TEXT    NOT NULL CHECK (state IN ('working', 'done', 'undoing', 'undone')),
    made_by      TEXT    NOT NULL,
    made_at      INTEGER NOT NULL,
    undone_at    INTEGER,
    version      INTEGER NOT NULL DEFAULT 1,
    CHECK (starts_at < ends_at)
) STRICT;
CREATE INDEX closure_site_idx ON closure (site_id, closed_until);
CREATE INDEX closure_open_idx ON closure (id) WHERE state IN ('working', 'undoing');

CREATE TABLE closure_effect (
    closure_id TEXT    NOT NULL REFERENCES closure (id),
    booking_id TEXT    NOT NULL REFERENCES booking (id),
    effect     TEXT    NOT NULL CHECK (effect IN ('kept', 'moved', 'cancelled', 'gone', 'restored', 'not_restored')),
    at         INTEGER NOT NULL,
    PRIMARY KEY (closure_id, booking_id)
) STRICT;
CREATE INDEX closure_effect_booking_idx ON closure_effect (booking_id);
