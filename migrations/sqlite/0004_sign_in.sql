-- Sessions, links, tokens, idempotency. Secrets are stored hashed.

CREATE TABLE installation (
    id         TEXT    NOT NULL PRIMARY KEY CHECK (id = 'one'),
    server_id  TEXT    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE sign_in_link (
    hash       BLOB    NOT NULL PRIMARY KEY,
    purpose    TEXT    NOT NULL CHECK (purpose IN ('sign_in', 'setup')),
    person_id  TEXT    REFERENCES person (id),
    expires_at INTEGER NOT NULL,
    used_at    INTEGER
) STRICT;

CREATE TABLE session (
    id_hash    BLOB    NOT NULL PRIMARY KEY,
    person_id  TEXT    NOT NULL REFERENCES person (id),
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    ended_at   INTEGER
) STRICT;
CREATE INDEX session_person_idx ON session (person_id);

CREATE TABLE api_token (
    id              TEXT    NOT NULL PRIMARY KEY,
    organisation_id TEXT    NOT NULL REFERENCES organisation (id),
    name            TEXT    NOT NULL,
    secret_hash     BLOB    NOT NULL,
    role            TEXT    NOT NULL CHECK (role IN ('owner', 'manager', 'member', 'auditor')),
    created_at      INTEGER NOT NULL,
    expires_at      INTEGER NOT NULL,
    revoked_at      INTEGER
) STRICT;
CREATE INDEX api_token_organisation_idx ON api_token (organisation_id);

-- What a POST with an Idempotency-Key answered, for a day.
CREATE TABLE idempotency (
    actor      TEXT    NOT NULL,
    key        TEXT    NOT NULL,
    body_hash  BLOB    NOT NULL,
    status     INTEGER NOT NULL,
    response   TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (actor, key)
) STRICT;
