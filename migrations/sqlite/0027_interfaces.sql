-- Calendar feeds and screens: both are read with a secret of their own, of which only the hash is here.

-- A feed belongs to a person (of the home organisation) or to a seat (of the operator); at most one of each works at a time.
CREATE TABLE feed (
    id              TEXT    NOT NULL PRIMARY KEY,
    organisation_id TEXT    NOT NULL REFERENCES organisation (id),
    person_id       TEXT    REFERENCES person (id),
    seat_id         TEXT    REFERENCES seat (id),
    secret_hash     BLOB    NOT NULL,
    created_by      TEXT    NOT NULL,
    created_at      INTEGER NOT NULL,
    revoked_at      INTEGER,
    CHECK ((person_id IS NULL) <> (seat_id IS NULL))
) STRICT;
CREATE UNIQUE INDEX feed_secret_key ON feed (secret_hash);
CREATE UNIQUE INDEX feed_person_key ON feed (person_id) WHERE revoked_at IS NULL;
CREATE UNIQUE INDEX feed_seat_key ON feed (seat_id) WHERE revoked_at IS NULL;
CREATE INDEX feed_organisation_idx ON feed (organisation_id, id);

CREATE TABLE display (
    id          TEXT    NOT NULL PRIMARY KEY,
    site_id     TEXT    NOT NULL REFERENCES site (id),
    seat_id     TEXT    REFERENCES seat (id),
    name        TEXT    NOT NULL,
    secret_hash BLOB    NOT NULL,
    created_by  TEXT    NOT NULL,
    created_at  INTEGER NOT NULL,
    revoked_at  INTEGER
) STRICT;
CREATE UNIQUE INDEX display_secret_key ON display (secret_hash);
CREATE INDEX display_site_idx ON display (site_id, id);

-- When a booking was last changed, for LAST-MODIFIED; NULL: never since it was made.
ALTER TABLE booking ADD COLUMN changed_at INTEGER;
