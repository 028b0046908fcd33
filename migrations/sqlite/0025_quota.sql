-- How much may be booked. A limit is for a person, a company, or whoever has a plan: a named set of limits. organisation_id says
-- whose limit it is (the operator's at its sites, or the company's of its own people), company_id whom it concerns and who may see it.
CREATE TABLE plan (
    id              TEXT    NOT NULL PRIMARY KEY,
    organisation_id TEXT    NOT NULL REFERENCES organisation (id),
    name            TEXT    NOT NULL,
    created_at      INTEGER NOT NULL
) STRICT;
CREATE INDEX plan_organisation_idx ON plan (organisation_id, id);

-- holder_id: a person or a company. A booking counts while it is made before until_ms and ends after from_ms.
CREATE TABLE plan_holder (
    plan_id   TEXT    NOT NULL REFERENCES plan (id),
    holder_id TEXT    NOT NULL,
    kind      TEXT    NOT NULL CHECK (kind IN ('person', 'company')),
    from_ms   INTEGER NOT NULL,
    until_ms  INTEGER,
    PRIMARY KEY (plan_id, holder_id, from_ms),
    CHECK (until_ms IS NULL OR from_ms <= until_ms)
) STRICT;
CREATE INDEX plan_holder_idx ON plan_holder (holder_id);

-- site_id NULL: at every site of the operator, or everywhere for the company's own people.
CREATE TABLE quota (
    id              TEXT    NOT NULL PRIMARY KEY,
    organisation_id TEXT    NOT NULL REFERENCES organisation (id),
    company_id      TEXT    REFERENCES organisation (id),
    site_id         TEXT    REFERENCES site (id),
    kind            TEXT    NOT NULL CHECK (kind IN ('person', 'company', 'plan')),
    holder_id       TEXT    NOT NULL,
    counts          TEXT    NOT NULL CHECK (counts IN ('together', 'each')),
    measure         TEXT    NOT NULL CHECK (measure IN ('minutes', 'bookings', 'seats')),
    period          TEXT    NOT NULL CHECK (period IN ('day', 'week', 'month', 'fiscal_year', 'total')),
    amount          INTEGER NOT NULL CHECK (amount BETWEEN 0 AND 10000000),
    version         INTEGER NOT NULL DEFAULT 1,
    created_at      INTEGER NOT NULL,
    ended_at        INTEGER
) STRICT;
CREATE INDEX quota_holder_idx ON quota (holder_id);
CREATE INDEX quota_organisation_idx ON quota (organisation_id, id);
CREATE INDEX quota_company_idx ON quota (company_id, id);

-- One account for each limit and whoever has it. Its row is the lock: first of all locks, by id.
CREATE TABLE quota_account (
    id           TEXT    NOT NULL PRIMARY KEY,
    quota_id     TEXT    NOT NULL REFERENCES quota (id),
    holder_id    TEXT    NOT NULL,
    lock_version INTEGER NOT NULL DEFAULT 0,
    created_at   INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX quota_account_key ON quota_account (quota_id, holder_id);

-- What bookings took from an account and gave back. Entries are added, never changed. period: first local day, empty for ever.
-- seq counts within account and period, balance is the sum up to here: two writers without the lock could not both add one.
CREATE TABLE quota_entry (
    id         TEXT    NOT NULL PRIMARY KEY,
    account_id TEXT    NOT NULL REFERENCES quota_account (id),
    period     TEXT    NOT NULL,
    seq        INTEGER NOT NULL,
    booking_id TEXT    NOT NULL REFERENCES booking (id),
    kind       TEXT    NOT NULL CHECK (kind IN ('reserve', 'return', 'adjust')),
    amount     INTEGER NOT NULL CHECK (amount <> 0),
    balance    INTEGER NOT NULL CHECK (balance >= 0),
    starts_at  INTEGER NOT NULL,
    ends_at    INTEGER NOT NULL,
    at         INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX quota_entry_key ON quota_entry (account_id, period, seq);
CREATE INDEX quota_entry_booking_idx ON quota_entry (booking_id);
CREATE INDEX quota_entry_during_idx ON quota_entry (account_id, ends_at);
CREATE TRIGGER quota_entry_no_update BEFORE UPDATE ON quota_entry
BEGIN
    SELECT RAISE(ABORT, 'quota_entry_is_final');
END;
CREATE TRIGGER quota_entry_no_delete BEFORE DELETE ON quota_entry
BEGIN
    SELECT RAISE(ABORT, 'quota_entry_is_final');
END;

-- When a seat was given back before its end: what was used until then stays charged.
ALTER TABLE allocation ADD COLUMN released_at INTEGER;
