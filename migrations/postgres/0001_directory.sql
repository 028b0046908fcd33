-- Who and where: organisations, people, sites and what is in them. Ids are lower-case ULIDs, times ms since 1970, flags 0/1.

CREATE TABLE organisation (
    id         TEXT    NOT NULL PRIMARY KEY,
    name       TEXT    NOT NULL,
    kind       TEXT    NOT NULL CHECK (kind IN ('operator', 'company', 'both')),
    created_at BIGINT  NOT NULL
);

CREATE TABLE person (
    id              TEXT    NOT NULL PRIMARY KEY,
    organisation_id TEXT    NOT NULL REFERENCES organisation (id),
    name            TEXT    NOT NULL,
    email           TEXT    NOT NULL,
    locale          TEXT    NOT NULL CHECK (locale IN ('ja', 'en')),
    state           TEXT    NOT NULL CHECK (state IN ('active', 'suspended')),
    lock_version    BIGINT  NOT NULL DEFAULT 0,
    created_at      BIGINT  NOT NULL
);
CREATE UNIQUE INDEX person_email_key ON person (email);
CREATE INDEX person_organisation_idx ON person (organisation_id, id);

CREATE TABLE membership (
    id              TEXT    NOT NULL PRIMARY KEY,
    organisation_id TEXT    NOT NULL REFERENCES organisation (id),
    person_id       TEXT    NOT NULL REFERENCES person (id),
    role            TEXT    NOT NULL CHECK (role IN ('owner', 'manager', 'member', 'auditor')),
    created_at      BIGINT  NOT NULL
);
CREATE UNIQUE INDEX membership_key ON membership (organisation_id, person_id);
CREATE INDEX membership_person_idx ON membership (person_id);

CREATE TABLE site (
    id             TEXT    NOT NULL PRIMARY KEY,
    operator_id    TEXT    NOT NULL REFERENCES organisation (id),
    name           TEXT    NOT NULL,
    time_zone      TEXT    NOT NULL,
    state          TEXT    NOT NULL CHECK (state IN ('awaiting_keys', 'open', 'closed')),
    grid_s         BIGINT  NOT NULL CHECK (grid_s >= 1),
    grant_before_s BIGINT  NOT NULL CHECK (grant_before_s >= 0),
    grant_after_s  BIGINT  NOT NULL CHECK (grant_after_s >= 0),
    -- Counts every change that a gateway must hear of; the snapshot job compares it with what it last made.
    facts_version  BIGINT  NOT NULL DEFAULT 1,
    created_at     BIGINT  NOT NULL
);
CREATE INDEX site_operator_idx ON site (operator_id, id);

-- Minutes after local midnight; weekday 0 is Monday. A day without a row is closed; closes_min may be 1440.
CREATE TABLE opening_hours (
    site_id    TEXT    NOT NULL REFERENCES site (id),
    weekday    BIGINT  NOT NULL CHECK (weekday BETWEEN 0 AND 6),
    opens_min  BIGINT  NOT NULL CHECK (opens_min BETWEEN 0 AND 1439),
    closes_min BIGINT  NOT NULL CHECK (closes_min BETWEEN 1 AND 1440),
    PRIMARY KEY (site_id, weekday, opens_min),
    CHECK (opens_min < closes_min)
);

CREATE TABLE zone (
    id         TEXT    NOT NULL PRIMARY KEY,
    site_id    TEXT    NOT NULL REFERENCES site (id),
    name       TEXT    NOT NULL,
    certified  BIGINT  NOT NULL CHECK (certified IN (0, 1)),
    created_at BIGINT  NOT NULL
);
CREATE INDEX zone_site_idx ON zone (site_id, id);

CREATE TABLE door (
    id            TEXT    NOT NULL PRIMARY KEY,
    site_id       TEXT    NOT NULL REFERENCES site (id),
    name          TEXT    NOT NULL,
    zone_id       TEXT    NOT NULL REFERENCES zone (id),
    from_zone_id  TEXT    REFERENCES zone (id),
    min_assurance BIGINT  NOT NULL CHECK (min_assurance BETWEEN 0 AND 3),
    unlock_ms     BIGINT  NOT NULL CHECK (unlock_ms BETWEEN 500 AND 60000),
    created_at    BIGINT  NOT NULL
);
CREATE INDEX door_site_idx ON door (site_id, id);

CREATE TABLE seat (
    id           TEXT    NOT NULL PRIMARY KEY,
    site_id      TEXT    NOT NULL REFERENCES site (id),
    zone_id      TEXT    NOT NULL REFERENCES zone (id),
    name         TEXT    NOT NULL,
    kind         TEXT    NOT NULL CHECK (kind IN ('desk', 'booth', 'room', 'phone_box')),
    lock_version BIGINT  NOT NULL DEFAULT 0,
    created_at   BIGINT  NOT NULL
);
CREATE INDEX seat_site_idx ON seat (site_id, id);

-- A company reaches a site only through a row here. until_ms NULL: until further notice.
CREATE TABLE site_access (
    site_id    TEXT    NOT NULL REFERENCES site (id),
    company_id TEXT    NOT NULL REFERENCES organisation (id),
    from_ms    BIGINT  NOT NULL,
    until_ms   BIGINT ,
    created_at BIGINT  NOT NULL,
    PRIMARY KEY (site_id, company_id)
);
CREATE INDEX site_access_company_idx ON site_access (company_id, site_id);

-- A person as one site knows them: the pseudonym on gateways, in passes and in openings.
CREATE TABLE subject (
    id        TEXT NOT NULL PRIMARY KEY,
    site_id   TEXT NOT NULL REFERENCES site (id),
    person_id TEXT NOT NULL REFERENCES person (id)
);
CREATE UNIQUE INDEX subject_key ON subject (site_id, person_id);
