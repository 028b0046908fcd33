-- Bookings that do not count yet: held until their maker confirms them or until somebody has approved them.

-- Of a held allocation: from when on it is no longer kept. A predicate of a constraint cannot ask for the time, so that what has
-- run out is released before anything is written that would meet it, and by a job.
ALTER TABLE allocation ADD COLUMN hold_until BIGINT;
CREATE INDEX allocation_held_idx ON allocation (hold_until) WHERE state = 'held';
CREATE INDEX allocation_held_seat_idx ON allocation (seat_id) WHERE state = 'held';
CREATE INDEX allocation_held_person_idx ON allocation (person_id) WHERE state = 'held';

-- How long a seat of a site may be held; without a row the program's default holds.
CREATE TABLE hold_policy (
    site_id TEXT    NOT NULL PRIMARY KEY REFERENCES site (id),
    minutes BIGINT  NOT NULL CHECK (minutes BETWEEN 1 AND 60)
);

-- Which bookings need an approval: a site's rule by who runs it, a company's by who runs that. kinds: names of kinds of seats,
-- separated by commas. Bookings that do not lie within from_min and until_min of one local day need one, too.
CREATE TABLE approval_rule (
    id             TEXT    NOT NULL PRIMARY KEY,
    site_id        TEXT    REFERENCES site (id),
    company_id     TEXT    REFERENCES organisation (id),
    all_bookings   BIGINT  NOT NULL CHECK (all_bookings IN (0, 1)),
    kinds          TEXT    NOT NULL,
    from_min       BIGINT  CHECK (from_min BETWEEN 0 AND 1439),
    until_min      BIGINT  CHECK (until_min BETWEEN 1 AND 1440),
    answer_minutes BIGINT  NOT NULL CHECK (answer_minutes BETWEEN 5 AND 10080),
    CHECK ((site_id IS NULL) <> (company_id IS NULL)),
    CHECK ((from_min IS NULL) = (until_min IS NULL)),
    CHECK (from_min IS NULL OR from_min < until_min)
);
CREATE UNIQUE INDEX approval_rule_site_key ON approval_rule (site_id);
CREATE UNIQUE INDEX approval_rule_company_key ON approval_rule (company_id);

-- That somebody has to approve a booking, and the answer. It waits as long as the allocation is held.
CREATE TABLE approval (
    id           TEXT    NOT NULL PRIMARY KEY,
    booking_id   TEXT    NOT NULL REFERENCES booking (id),
    kind         TEXT    NOT NULL CHECK (kind IN ('site', 'company')),
    asked_by     TEXT    NOT NULL,
    asked_at     BIGINT  NOT NULL,
    until_at     BIGINT  NOT NULL,
    answer       TEXT    CHECK (answer IN ('approved', 'declined')),
    reason       TEXT,
    answered_by  TEXT,
    answered_at  BIGINT ,
    CHECK ((answer IS NULL) = (answered_at IS NULL))
);
CREATE INDEX approval_booking_idx ON approval (booking_id);
CREATE UNIQUE INDEX approval_waiting_key ON approval (booking_id, kind) WHERE answer IS NULL;

-- A link in a mail that answers one approval in the name of one person; good for one answer. Only the hash is stored.
CREATE TABLE approval_link (
    hash        BYTEA   NOT NULL PRIMARY KEY,
    approval_id TEXT    NOT NULL REFERENCES approval (id),
    person_id   TEXT    NOT NULL REFERENCES person (id),
    expires_at  BIGINT  NOT NULL,
    used_at     BIGINT 
);
CREATE INDEX approval_link_expires_idx ON approval_link (expires_at);
