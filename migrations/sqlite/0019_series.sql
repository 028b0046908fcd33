-- Bookings that repeat, or last several days: the rule in local time, and what became of each of its occurrences. Each booked
-- one is a booking like any other.
CREATE TABLE series (
    id           TEXT    NOT NULL PRIMARY KEY,
    operator_id  TEXT    NOT NULL REFERENCES organisation (id),
    company_id   TEXT    NOT NULL REFERENCES organisation (id),
    site_id      TEXT    NOT NULL REFERENCES site (id),
    seat_id      TEXT    NOT NULL REFERENCES seat (id),
    person_id    TEXT    NOT NULL REFERENCES person (id),
    time_zone    TEXT    NOT NULL,
    -- Local days are written 2026-11-20, so that they sort.
    first_day    TEXT    NOT NULL,
    starts_s     INTEGER NOT NULL CHECK (starts_s BETWEEN 0 AND 86399),
    ends_s       INTEGER NOT NULL CHECK (ends_s > starts_s),
    fold         TEXT    NOT NULL CHECK (fold IN ('earlier', 'later')),
    -- RFC 5545; empty: the days are those of the occurrences.
    rule         TEXT    NOT NULL,
    state        TEXT    NOT NULL CHECK (state IN ('active', 'cancelled')),
    -- The series that this one goes on from, after a change.
    follows_id   TEXT    REFERENCES series (id),
    version      INTEGER NOT NULL DEFAULT 1,
    created_by   TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    cancelled_by TEXT,
    cancelled_at INTEGER
) STRICT;
CREATE INDEX series_person_idx ON series (person_id, id);
CREATE INDEX series_operator_idx ON series (operator_id, id);
CREATE INDEX series_company_idx ON series (company_id, id);

ALTER TABLE booking ADD COLUMN series_id TEXT REFERENCES series (id);
CREATE INDEX booking_series_idx ON booking (series_id) WHERE series_id IS NOT NULL;

CREATE TABLE series_occurrence (
    series_id  TEXT    NOT NULL REFERENCES series (id),
    day        TEXT    NOT NULL,
    -- NULL: the clocks skip all of it.
    starts_at  INTEGER,
    ends_at    INTEGER,
    shifted    INTEGER NOT NULL CHECK (shifted IN (0, 1)),
    verdict    TEXT    NOT NULL CHECK (verdict IN ('due', 'booked', 'refused', 'excepted', 'skipped', 'cancelled')),
    -- Of a refusal: which rule, and when it lifts. Of a booking that could not follow a change of its zone: why not.
    reason     TEXT,
    lifts_at   INTEGER,
    booking_id TEXT    REFERENCES booking (id),
    -- What it was before the series was cancelled, for the way back.
    before     TEXT,
    PRIMARY KEY (series_id, day)
) STRICT;
CREATE INDEX series_occurrence_due_idx ON series_occurrence (starts_at) WHERE verdict = 'due';

-- Longest booking at a site, s.
ALTER TABLE site ADD COLUMN length_max_s INTEGER NOT NULL DEFAULT 86400 CHECK (length_max_s BETWEEN 60 AND 2678400);
