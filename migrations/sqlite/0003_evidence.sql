-- Gateways, devices, the evidence log, and what is projected from it.

-- seal_key NULL: added, not enrolled yet. One deciding gateway per site.
CREATE TABLE gateway (
    id              TEXT    NOT NULL PRIMARY KEY,
    site_id         TEXT    NOT NULL REFERENCES site (id),
    state           TEXT    NOT NULL CHECK (state IN ('added', 'enrolled', 'revoked')),
    code_hash       BLOB,
    code_expires_at INTEGER,
    seal_key        BLOB,
    certificate     BLOB,
    certificate_serial TEXT,
    created_at      INTEGER NOT NULL,
    enrolled_at     INTEGER,
    -- Of the last birth or will.
    alive           INTEGER NOT NULL DEFAULT 0 CHECK (alive IN (0, 1)),
    boot            BLOB,
    connection      INTEGER,
    nonce           BLOB,
    stream          TEXT,
    snapshot_epoch  INTEGER NOT NULL DEFAULT 0,
    revocation_epoch INTEGER NOT NULL DEFAULT 0,
    head_size       INTEGER NOT NULL DEFAULT 0,
    head_root       BLOB,
    software        TEXT,
    seen_at         INTEGER
) STRICT;
CREATE UNIQUE INDEX gateway_site_key ON gateway (site_id) WHERE state <> 'revoked';
CREATE INDEX gateway_site_idx ON gateway (site_id, id);

CREATE TABLE device (
    id          TEXT    NOT NULL PRIMARY KEY,
    site_id     TEXT    NOT NULL REFERENCES site (id),
    gateway_id  TEXT    NOT NULL REFERENCES gateway (id),
    door_id     TEXT    NOT NULL,
    kind        TEXT    NOT NULL CHECK (kind IN ('reader', 'lock')),
    direction   TEXT    CHECK (direction IN ('in', 'out')),
    certificate TEXT    NOT NULL,
    state       TEXT    NOT NULL CHECK (state IN ('enrolled', 'revoked')),
    enrolled_at INTEGER NOT NULL
) STRICT;
CREATE INDEX device_site_idx ON device (site_id, id);

-- One log per site and Japanese fiscal year; site_id NULL: what belongs to no site.
CREATE TABLE log (
    id             TEXT    NOT NULL PRIMARY KEY,
    site_id        TEXT    REFERENCES site (id),
    origin         TEXT    NOT NULL,
    fiscal_year    INTEGER NOT NULL,
    -- Signed-note verifier key of the log, and the signed keyring that was in force when it was opened.
    vkey           TEXT    NOT NULL,
    keyring        BLOB    NOT NULL,
    service_stream TEXT    NOT NULL,
    created_at     INTEGER NOT NULL,
    -- The head: changed only by compare-and-swap on size.
    size           INTEGER NOT NULL DEFAULT 0,
    frontier       BLOB    NOT NULL,
    checkpoint     TEXT    NOT NULL,
    -- The service stream's end.
    service_seal   INTEGER NOT NULL DEFAULT 0,
    service_seq    INTEGER NOT NULL DEFAULT 0,
    service_hash   BLOB    NOT NULL,
    sequenced_at   INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX log_origin_key ON log (origin);
CREATE UNIQUE INDEX log_site_key ON log (site_id, fiscal_year);

-- What waits for the sequencer: whole seals of gateways, or finished event bytes of the server's own.
CREATE TABLE log_pending (
    id         TEXT    NOT NULL PRIMARY KEY,
    log_id     TEXT    NOT NULL REFERENCES log (id),
    kind       TEXT    NOT NULL CHECK (kind IN ('seal', 'event')),
    gateway_id TEXT    NOT NULL,
    stream     TEXT    NOT NULL,
    seal_no    INTEGER NOT NULL,
    bytes      BLOB    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX log_pending_log_idx ON log_pending (log_id, id);
CREATE UNIQUE INDEX log_pending_seal_key ON log_pending (gateway_id, stream, seal_no) WHERE kind = 'seal';

CREATE TABLE log_leaf (
    log_id     TEXT    NOT NULL REFERENCES log (id),
    idx        INTEGER NOT NULL,
    bytes      BLOB    NOT NULL,
    hash       BLOB    NOT NULL,
    gateway_id TEXT    NOT NULL,
    stream     TEXT    NOT NULL,
    seal_no    INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (log_id, idx)
) STRICT;
CREATE UNIQUE INDEX log_leaf_seal_key ON log_leaf (gateway_id, stream, seal_no, log_id);
CREATE TRIGGER log_leaf_no_update BEFORE UPDATE ON log_leaf
BEGIN
    SELECT RAISE(ABORT, 'log_leaf_is_append_only');
END;
CREATE TRIGGER log_leaf_no_delete BEFORE DELETE ON log_leaf
BEGIN
    SELECT RAISE(ABORT, 'log_leaf_is_append_only');
END;

-- Where each gateway's stream ends; ingest locks this row first.
CREATE TABLE stream_head (
    gateway_id TEXT    NOT NULL,
    stream     TEXT    NOT NULL,
    last_seal  INTEGER NOT NULL,
    last_seq   INTEGER NOT NULL,
    last_hash  BLOB    NOT NULL,
    state      TEXT    NOT NULL CHECK (state IN ('open', 'stopped')),
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (gateway_id, stream)
) STRICT;

-- Two seals under one number, both kept: signed proof against the sealer.
CREATE TABLE seal_fork (
    gateway_id TEXT    NOT NULL,
    stream     TEXT    NOT NULL,
    seal_no    INTEGER NOT NULL,
    hash       BLOB    NOT NULL,
    bytes      BLOB    NOT NULL,
    seen_at    INTEGER NOT NULL,
    PRIMARY KEY (gateway_id, stream, seal_no, hash)
) STRICT;

-- The vault of openings: erasable, unlike the leaves.
CREATE TABLE opening (
    digest     BLOB    NOT NULL PRIMARY KEY,
    site_id    TEXT,
    disclosure TEXT    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

-- Events as pages and the API show them; rebuilt from leaves and openings at any time.
CREATE TABLE event (
    id          TEXT    NOT NULL PRIMARY KEY,
    site_id     TEXT,
    gateway_id  TEXT,
    stream      TEXT,
    seq         INTEGER,
    code        INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    err_ms      INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    door_id     TEXT,
    device_id   TEXT,
    zone_id     TEXT,
    correlation TEXT,
    person_id   TEXT,
    pass_id     TEXT,
    reasons     TEXT    NOT NULL,
    finding     TEXT
) STRICT;
CREATE UNIQUE INDEX event_seq_key ON event (gateway_id, stream, seq) WHERE gateway_id IS NOT NULL;
CREATE INDEX event_site_idx ON event (site_id, id);
CREATE INDEX event_correlation_idx ON event (correlation) WHERE correlation IS NOT NULL;

CREATE TABLE presence (
    site_id     TEXT    NOT NULL REFERENCES site (id),
    person_id   TEXT    NOT NULL REFERENCES person (id),
    zone_id     TEXT,
    state       TEXT    NOT NULL CHECK (state IN ('expected', 'arrived', 'present', 'away', 'departed', 'unknown_inside')),
    since_ms    INTEGER NOT NULL,
    evidence_at INTEGER NOT NULL,
    PRIMARY KEY (site_id, person_id)
) STRICT;

CREATE TABLE snapshot (
    site_id       TEXT    NOT NULL REFERENCES site (id),
    epoch         INTEGER NOT NULL,
    facts_version INTEGER NOT NULL,
    digest        BLOB    NOT NULL,
    signed        BLOB    NOT NULL,
    created_at    INTEGER NOT NULL,
    PRIMARY KEY (site_id, epoch)
) STRICT;

CREATE TABLE command (
    id          TEXT    NOT NULL PRIMARY KEY,
    gateway_id  TEXT    NOT NULL REFERENCES gateway (id),
    kind        TEXT    NOT NULL,
    -- The order as it is sent (domain::wire::uplink::Order).
    order_cbor  BLOB    NOT NULL,
    issued_at   INTEGER NOT NULL,
    not_after   INTEGER NOT NULL,
    -- When the running server published it; NULL while it waits.
    sent_at     INTEGER,
    outcome     TEXT    CHECK (outcome IN ('executed', 'expired', 'rejected')),
    answered_at INTEGER,
    seal_no     INTEGER
) STRICT;
CREATE INDEX command_gateway_idx ON command (gateway_id, issued_at);
CREATE INDEX command_unsent_idx ON command (not_after) WHERE sent_at IS NULL;

-- Bundles that were asked for through the API. The file lies under the data directory.
CREATE TABLE export (
    id          TEXT    NOT NULL PRIMARY KEY,
    site_id     TEXT    NOT NULL REFERENCES site (id),
    nonce       BLOB    NOT NULL,
    state       TEXT    NOT NULL CHECK (state IN ('running', 'done', 'failed')),
    path        TEXT    NOT NULL,
    findings    TEXT    NOT NULL,
    started_at  INTEGER NOT NULL,
    finished_at INTEGER
) STRICT;
CREATE INDEX export_site_idx ON export (site_id, id);
