-- Addresses that are told of events, and what they are told. The secret signs messages, so it is kept as it is.

CREATE TABLE webhook (
    id              TEXT    NOT NULL PRIMARY KEY,
    organisation_id TEXT    NOT NULL REFERENCES organisation (id),
    name            TEXT    NOT NULL,
    url             TEXT    NOT NULL,
    events          TEXT    NOT NULL,
    secret          BLOB    NOT NULL,
    -- After a change of the secret both sign, until then.
    old_secret      BLOB,
    old_until       INTEGER,
    state           TEXT    NOT NULL CHECK (state IN ('active', 'paused', 'disabled', 'ended')),
    failures        INTEGER NOT NULL DEFAULT 0,
    failing_since   INTEGER,
    next_at         INTEGER NOT NULL DEFAULT 0,
    leased_until    INTEGER NOT NULL DEFAULT 0,
    version         INTEGER NOT NULL DEFAULT 1,
    created_by      TEXT    NOT NULL,
    created_at      INTEGER NOT NULL
) STRICT;
CREATE INDEX webhook_organisation_idx ON webhook (organisation_id, id);

-- A message has the id of the event that it tells of: at most one of each to one address, and a repeat has the same id.
CREATE TABLE webhook_message (
    webhook_id TEXT    NOT NULL REFERENCES webhook (id),
    id         TEXT    NOT NULL,
    kind       TEXT    NOT NULL,
    payload    TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    state      TEXT    NOT NULL CHECK (state IN ('waiting', 'delivered', 'given_up')),
    tries      INTEGER NOT NULL DEFAULT 0,
    tried_at   INTEGER,
    status     INTEGER,
    error      TEXT,
    PRIMARY KEY (webhook_id, id)
) STRICT;
CREATE INDEX webhook_message_waiting_idx ON webhook_message (webhook_id, id) WHERE state = 'waiting';
CREATE INDEX webhook_message_age_idx ON webhook_message (created_at);
