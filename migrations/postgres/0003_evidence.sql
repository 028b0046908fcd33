-- Gateways, devices, the evidence log, and what is projected from it.

-- seal_key NULL: added, not enrolled yet. One deciding gateway per site.
CREATE TABLE gateway (
    id              TEXT    NOT NULL PRIMARY KEY,
    site_id         TEXT    NOT NULL REFERENCES site (id),
    state           TEXT    NOT NULL CHECK (state IN ('added', 'enrolled', 'revoked')),
    code_hash       BYTEA,
    code_expires_at BIGINT ,
    seal_key        BYTEA,
    certificate     BYTEA,
    certificate_serial TEXT,
    created_at      BIGINT  NOT NULL,
    enrolled_at     BIGINT ,
    -- Of the last birth or will.
    alive           BIGINT  NOT NULL DEFAULT 0 CHECK (alive IN (0, 1)),
    boot            BYTEA,
    connection      BIGINT ,
    nonce           BYTEA,
    stream          TEXT,
    snapshot_epoch  BIGINT  NOT NULL DEFAULT 0,
    revocation_epoch BIGINT  NOT NULL DEFAULT 0,
    head_size       BIGINT  NOT NULL DEFAULT 0,
    head_root       BYTEA,
    software        TEXT,
    seen_at         BIGINT 
);
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
    enrolled_at BIGINT  NOT NULL
);
CREATE INDEX device_site_idx ON device (site_id, id);

-- One log per site and Japanese fiscal year; site_id NULL: what belongs to no site.
CREATE TABLE log (
    id             TEXT    NOT NULL PRIMARY KEY,
    site_id        TEXT    REFERENCES site (id),
    origin         TEXT    NOT NULL,
    fiscal_year    BIGINT  NOT NULL,
    -- Signed-note verifier key of the log, and the signed keyring that was in force when it was opened.
    vkey           TEXT    NOT NULL,
    keyring        BYTEA    NOT NULL,
    service_stream TEXT    NOT NULL,
    created_at     BIGINT  NOT NULL,
    -- The head: changed only by compare-and-swap on size.
    size           BIGINT  NOT NULL DEFAULT 0,
    frontier       BYTEA    NOT NULL,
    checkpoint     TEXT    NOT NULL,
    -- The service stream's end.
    service_seal   BIGINT  NOT NULL DEFAULT 0,
    service_seq    BIGINT  NOT NULL DEFAULT 0,
    service_hash   BYTEA    NOT NULL,
    sequenced_at   BIGINT  NOT NULL
);
CREATE UNIQUE INDEX log_origin_key ON log (origin);
CREATE UNIQUE INDEX log_site_key ON log (site_id, fiscal_year);

-- What waits for the sequencer: whole seals of gateways, or finished event bytes of the server's own.
CREATE TABLE log_pending (
    id         TEXT    NOT NULL PRIMARY KEY,
    log_id     TEXT    NOT NULL REFERENCES log (id),
    kind       TEXT    NOT NULL CHECK (kind IN ('seal', 'event')),
    gateway_id TEXT    NOT NULL,
    stream     TEXT    NOT NULL,
    seal_no    BIGINT  NOT NULL,
    bytes      BYTEA    NOT NULL,
    created_at BIGINT  NOT NULL
);
CREATE INDEX log_pending_log_idx ON log_pending (log_id, id);
CREATE UNIQUE INDEX log_pending_seal_key ON log_pending (gateway_id, stream, seal_no) WHERE kind = 'seal';

CREATE TABLE log_leaf (
    log_id     TEXT    NOT NULL REFERENCES log (id),
    idx        BIGINT  NOT NULL,
    bytes      BYTEA    NOT NULL,
    hash       BYTEA    NOT NULL,
    gateway_id TEXT    NOT NULL,
    stream     TEXT    NOT NULL,
    seal_no    BIGINT  NOT NULL,
    created_at BIGINT  NOT NULL,
    PRIMARY KEY (log_id, idx)
);
CREATE UNIQUE INDEX log_leaf_seal_key ON log_leaf (gateway_id, stream, seal_no, log_id);
CREATE FUNCTION log_leaf_is_append_only() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'log_leaf_is_append_only'; END $$;
CREATE TRIGGER log_leaf_no_update BEFORE UPDATE ON log_leaf
    FOR EACH ROW EXECUTE FUNCTION log_leaf_is_append_only();
CREATE TRIGGER log_leaf_no_delete BEFORE DELETE ON log_leaf
    FOR EACH ROW EXECUTE FUNCTION log_leaf_is_append_only();

-- Where each gateway's stream ends; ingest locks this row first.
CREATE TABLE stream_head (
    gateway_id TEXT    NOT NULL,
    stream     TEXT    NOT NULL,
    last_seal  BIGINT  NOT NULL,
    last_seq   BIGINT  NOT NULL,
    last_hash  BYTEA    NOT NULL,
    state      TEXT    NOT NULL CHECK (state IN ('open', 'stopped')),
    updated_at BIGINT  NOT NULL,
    PRIMARY KEY (gateway_id, stream)
);

-- Two seals under one number, both kept: signed proof against the sealer.
CREATE TABLE seal_fork (
    gateway_id TEXT    NOT NULL,
    stream     TEXT    NOT NULL,
    seal_no    BIGINT  NOT NULL,
    hash       BYTEA    NOT NULL,
    bytes      BYTEA    NOT NULL,
    seen_at    BIGINT  NOT NULL,
    PRIMARY KEY (gateway_id, stream, seal_no, hash)
);

-- The vault of openings: erasable, unlike the leaves.
CREATE TABLE opening (
    digest     BYTEA    NOT NULL PRIMARY KEY,
    site_id    TEXT,
    disclosure TEXT    NOT NULL,
    created_at BIGINT  NOT NULL
);

-- Events as pages and the API show them; rebuilt from leaves and openings at any time.
CREATE TABLE event (
    id          TEXT    NOT NULL PRIMARY KEY,
    site_id     TEXT,
    gateway_id  TEXT,
    stream      TEXT,
    seq         BIGINT ,
    code        BIGINT  NOT NULL,
    at          BIGINT  NOT NULL,
    err_ms      BIGINT  NOT NULL,
    received_at BIGINT  NOT NULL,
    door_id     TEXT,
    device_id   TEXT,
    zone_id     TEXT,
    correlation TEXT,
    person_id   TEXT,
    pass_id     TEXT,
    reasons     TEXT    NOT NULL,
    finding     TEXT
);
CREATE UNIQUE INDEX event_seq_key ON event (gateway_id, stream, seq) WHERE gateway_id IS NOT NULL;
CREATE INDEX event_site_idx ON event (site_id, id);
CREATE INDEX event_correlation_idx ON event (correlation) WHERE correlation IS NOT NULL;

CREATE TABLE presence (
    site_id     TEXT    NOT NULL REFERENCES site (id),
    person_id   TEXT    NOT NULL REFERENCES person (id),
    zone_id     TEXT,
    state       TEXT    NOT NULL CHECK (state IN ('expected', 'arrived', 'present', 'away', 'departed', 'unknown_inside')),
    since_ms    BIGINT  NOT NULL,
    evidence_at BIGINT  NOT NULL,
    PRIMARY KEY (site_id, person_id)
);

CREATE TABLE snapshot (
    site_id       TEXT    NOT NULL REFERENCES site (id),
    epoch         BIGINT  NOT NULL,
    facts_version BIGINT  NOT NULL,
    digest        BYTEA    NOT NULL,
    signed        BYTEA    NOT NULL,
    created_at    BIGINT  NOT NULL,
    PRIMARY KEY (site_id, epoch)
);

CREATE TABLE command (
    id          TEXT    NOT NULL PRIMARY KEY,
    gateway_id  TEXT    NOT NULL REFERENCES gateway (id),
    kind        TEXT    NOT NULL,
    -- The order as it is sent (domain::wire::uplink::Order).
    order_cbor  BYTEA    NOT NULL,
    issued_at   BIGINT  NOT NULL,
    not_after   BIGINT  NOT NULL,
    -- When the running server published it; NULL while it waits.
    sent_at     BIGINT,
    outcome     TEXT    CHECK (outcome IN ('executed', 'expired', 'rejected')),
    answered_at BIGINT ,
    seal_no     BIGINT 
);
CREATE INDEX command_gateway_idx ON command (gateway_id, issued_at);
CREATE INDEX command_unsent_idx ON command (not_after) WHERE sent_at IS NULL;

-- Bundles that were asked for through the API. The file lies under the data directory.
CREATE TABLE export (
    id          TEXT    NOT NULL PRIMARY KEY,
    site_id     TEXT    NOT NULL REFERENCES site (id),
    nonce       BYTEA    NOT NULL,
    state       TEXT    NOT NULL CHECK (state IN ('running', 'done', 'failed')),
    path        TEXT    NOT NULL,
    findings    TEXT    NOT NULL,
    started_at  BIGINT NOT NULL,
    finished_at BIGINT
);
CREATE INDEX export_site_idx ON export (site_id, id);
