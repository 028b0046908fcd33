-- What was asked for (booking), what was given (allocation), what opens the door (pass).

CREATE TABLE booking (
    id          TEXT    NOT NULL PRIMARY KEY,
    operator_id TEXT    NOT NULL REFERENCES organisation (id),
    company_id  TEXT    NOT NULL REFERENCES organisation (id),
    site_id     TEXT    NOT NULL REFERENCES site (id),
    person_id   TEXT    NOT NULL REFERENCES person (id),
    created_by  TEXT    NOT NULL,
    created_at  INTEGER NOT NULL
) STRICT;
CREATE INDEX booking_person_idx ON booking (person_id, id);
CREATE INDEX booking_site_idx ON booking (site_id, person_id);
CREATE INDEX booking_operator_idx ON booking (operator_id, id);
CREATE INDEX booking_company_idx ON booking (company_id, id);

CREATE TABLE allocation (
    id         TEXT    NOT NULL PRIMARY KEY,
    booking_id TEXT    NOT NULL REFERENCES booking (id),
    seat_id    TEXT    NOT NULL REFERENCES seat (id),
    person_id  TEXT    NOT NULL REFERENCES person (id),
    starts_at  INTEGER NOT NULL,
    ends_at    INTEGER NOT NULL,
    state      TEXT    NOT NULL CHECK (state IN ('held', 'confirmed', 'present', 'left', 'released', 'cancelled')),
    version    INTEGER NOT NULL DEFAULT 1,
    CHECK (starts_at < ends_at)
) STRICT;
CREATE INDEX allocation_booking_idx ON allocation (booking_id);
-- By the end: who looks for what touches a span wants what has not ended before it, and never the years before.
CREATE INDEX allocation_seat_idx ON allocation (seat_id, ends_at);
CREATE INDEX allocation_person_idx ON allocation (person_id, ends_at);

-- The belt: a seat and a person are in one place at a time, whatever the program does.
CREATE TRIGGER allocation_overlap_insert BEFORE INSERT ON allocation
WHEN NEW.state IN ('held', 'confirmed', 'present', 'left')
BEGIN
    SELECT RAISE(ABORT, 'allocation_seat_overlap') WHERE EXISTS (
        SELECT 1 FROM allocation a WHERE a.seat_id = NEW.seat_id AND a.state IN ('held', 'confirmed', 'present', 'left')
           AND a.starts_at < NEW.ends_at AND NEW.starts_at < a.ends_at);
    SELECT RAISE(ABORT, 'allocation_person_overlap') WHERE EXISTS (
        SELECT 1 FROM allocation a WHERE a.person_id = NEW.person_id AND a.state IN ('held', 'confirmed', 'present', 'left')
           AND a.starts_at < NEW.ends_at AND NEW.starts_at < a.ends_at);
END;
CREATE TRIGGER allocation_overlap_update BEFORE UPDATE OF seat_id, person_id, starts_at, ends_at, state ON allocation
WHEN NEW.state IN ('held', 'confirmed', 'present', 'left')
BEGIN
    SELECT RAISE(ABORT, 'allocation_seat_overlap') WHERE EXISTS (
        SELECT 1 FROM allocation a WHERE a.id <> NEW.id AND a.seat_id = NEW.seat_id AND a.state IN ('held', 'confirmed', 'present', 'left')
           AND a.starts_at < NEW.ends_at AND NEW.starts_at < a.ends_at);
    SELECT RAISE(ABORT, 'allocation_person_overlap') WHERE EXISTS (
        SELECT 1 FROM allocation a WHERE a.id <> NEW.id AND a.person_id = NEW.person_id AND a.state IN ('held', 'confirmed', 'present', 'left')
           AND a.starts_at < NEW.ends_at AND NEW.starts_at < a.ends_at);
END;
CREATE TRIGGER allocation_no_delete BEFORE DELETE ON allocation
BEGIN
    SELECT RAISE(ABORT, 'allocation_is_never_deleted');
END;

CREATE TABLE holder_key (
    id         TEXT    NOT NULL PRIMARY KEY,
    person_id  TEXT    NOT NULL REFERENCES person (id),
    public_key BLOB    NOT NULL,
    active     INTEGER NOT NULL CHECK (active IN (0, 1)),
    created_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX holder_key_active_key ON holder_key (person_id) WHERE active = 1;

-- Random bytes that a phone signs to register its key; single use.
CREATE TABLE holder_nonce (
    nonce      BLOB    NOT NULL PRIMARY KEY,
    person_id  TEXT    NOT NULL REFERENCES person (id),
    expires_at INTEGER NOT NULL
) STRICT;

CREATE TABLE pass (
    id            TEXT    NOT NULL PRIMARY KEY,
    booking_id    TEXT    NOT NULL REFERENCES booking (id),
    site_id       TEXT    NOT NULL REFERENCES site (id),
    person_id     TEXT    NOT NULL REFERENCES person (id),
    subject_id    TEXT    NOT NULL REFERENCES subject (id),
    holder_key_id TEXT    REFERENCES holder_key (id),
    grant_id      TEXT    NOT NULL,
    signed        BLOB    NOT NULL,
    state         TEXT    NOT NULL CHECK (state IN ('active', 'revoked', 'cancelled')),
    starts_at     INTEGER NOT NULL,
    ends_at       INTEGER NOT NULL,
    created_at    INTEGER NOT NULL
) STRICT;
CREATE INDEX pass_booking_idx ON pass (booking_id);
CREATE INDEX pass_site_idx ON pass (site_id, ends_at);
CREATE INDEX pass_person_idx ON pass (person_id);

-- What is revoked at a site; the list that gateways get is built from the rows that have not ended.
CREATE TABLE revocation (
    site_id TEXT    NOT NULL REFERENCES site (id),
    epoch   INTEGER NOT NULL,
    kind    TEXT    NOT NULL CHECK (kind IN ('pass', 'subject')),
    ref_id  TEXT    NOT NULL,
    at      INTEGER NOT NULL,
    ends_at INTEGER NOT NULL,
    PRIMARY KEY (site_id, epoch)
) STRICT;
CREATE UNIQUE INDEX revocation_ref_key ON revocation (site_id, kind, ref_id);
CREATE INDEX revocation_live_idx ON revocation (site_id, ends_at);

-- Side effects wait here; they never run inside a transaction and can never undo one.
CREATE TABLE outbox (
    id         TEXT    NOT NULL PRIMARY KEY,
    kind       TEXT    NOT NULL,
    payload    TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    done_at    INTEGER,
    attempts   INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX outbox_waiting_idx ON outbox (created_at) WHERE done_at IS NULL;
