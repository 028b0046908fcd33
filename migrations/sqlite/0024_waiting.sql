-- The line for a seat when all are taken. One row an entry, kept: booking_id is what was offered, a held allocation until
-- offer_until, a booking once accepted.
CREATE TABLE waiting (
    id          TEXT    NOT NULL PRIMARY KEY,
    operator_id TEXT    NOT NULL REFERENCES organisation (id),
    company_id  TEXT    NOT NULL REFERENCES organisation (id),
    site_id     TEXT    NOT NULL REFERENCES site (id),
    person_id   TEXT    NOT NULL REFERENCES person (id),
    zone_id     TEXT    REFERENCES zone (id),
    kind        TEXT,
    starts_at   INTEGER NOT NULL,
    ends_at     INTEGER NOT NULL,
    state       TEXT    NOT NULL CHECK (state IN ('waiting', 'offered', 'accepted', 'declined', 'lapsed', 'withdrawn', 'expired')),
    joined_at   INTEGER NOT NULL,
    booking_id  TEXT    REFERENCES booking (id),
    offer_until INTEGER,
    version     INTEGER NOT NULL DEFAULT 1,
    created_by  TEXT    NOT NULL,
    CHECK (starts_at < ends_at),
    CHECK (state <> 'offered' OR (booking_id IS NOT NULL AND offer_until IS NOT NULL))
) STRICT;
CREATE INDEX waiting_line_idx ON waiting (site_id, ends_at) WHERE state IN ('waiting', 'offered');
CREATE INDEX waiting_person_idx ON waiting (person_id, id);
CREATE UNIQUE INDEX waiting_booking_key ON waiting (booking_id);

-- What a site says about offers and about who does not come; without a row the program's defaults hold. noshow_grace_s 0: no
-- booking is ever given back because nobody came.
CREATE TABLE attendance_policy (
    site_id        TEXT    NOT NULL PRIMARY KEY REFERENCES site (id),
    offer_window_s INTEGER NOT NULL CHECK (offer_window_s BETWEEN 1 AND 86400),
    noshow_grace_s INTEGER NOT NULL CHECK (noshow_grace_s BETWEEN 0 AND 86400)
) STRICT;
