-- Visitors: somebody without an account, with a host, for a day at most.

-- What a site says about visitors; without a row the program's defaults hold.
CREATE TABLE visitor_policy (
    site_id         TEXT    NOT NULL PRIMARY KEY REFERENCES site (id),
    escort_required BIGINT  NOT NULL CHECK (escort_required IN (0, 1)),
    per_host        BIGINT  NOT NULL CHECK (per_host BETWEEN 0 AND 100)
);

-- Zones that no visitor crosses.
CREATE TABLE visitor_closed_zone (
    zone_id TEXT    NOT NULL PRIMARY KEY REFERENCES zone (id),
    site_id TEXT    NOT NULL REFERENCES site (id)
);
CREATE INDEX visitor_closed_zone_site_idx ON visitor_closed_zone (site_id);

-- subject_id is the pseudonym of this one visit: nobody is followed from one visit to the next. Name, purpose and address stay
-- here and in openings. presence and what follows is what evidence and the desk say.
CREATE TABLE visit (
    id              TEXT    NOT NULL PRIMARY KEY,
    operator_id     TEXT    NOT NULL REFERENCES organisation (id),
    company_id      TEXT    NOT NULL REFERENCES organisation (id),
    site_id         TEXT    NOT NULL REFERENCES site (id),
    zone_id         TEXT    NOT NULL REFERENCES zone (id),
    host_id         TEXT    NOT NULL REFERENCES person (id),
    host_subject_id TEXT    NOT NULL REFERENCES subject (id),
    subject_id      TEXT    NOT NULL,
    name            TEXT    NOT NULL CHECK (length(name) BETWEEN 1 AND 120),
    purpose         TEXT    NOT NULL CHECK (length(purpose) BETWEEN 1 AND 200),
    email           TEXT,
    escort          TEXT    NOT NULL CHECK (escort IN ('none', 'escorted')),
    starts_at       BIGINT  NOT NULL,
    ends_at         BIGINT  NOT NULL,
    state           TEXT    NOT NULL CHECK (state IN ('invited', 'cancelled')),
    presence        TEXT    NOT NULL CHECK (presence IN ('expected', 'arrived', 'present', 'away', 'departed', 'unknown_inside')),
    in_zone_id      TEXT    REFERENCES zone (id),
    since_ms        BIGINT  NOT NULL,
    evidence_at     BIGINT  NOT NULL,
    link_hash       BYTEA   NOT NULL CHECK (length(link_hash) = 32),
    version         BIGINT  NOT NULL DEFAULT 1,
    created_by      TEXT    NOT NULL,
    created_at      BIGINT  NOT NULL,
    CHECK (starts_at < ends_at),
    CHECK (ends_at - starts_at <= 86400000)
);
CREATE UNIQUE INDEX visit_subject_key ON visit (subject_id);
CREATE UNIQUE INDEX visit_link_key ON visit (link_hash);
CREATE INDEX visit_site_idx ON visit (site_id, ends_at);
CREATE INDEX visit_host_idx ON visit (host_id, ends_at);
-- Whoever may be inside, however long the visit has been over.
CREATE INDEX visit_inside_idx ON visit (site_id) WHERE presence IN ('arrived', 'present', 'away', 'unknown_inside');

CREATE FUNCTION visit_is_never_deleted() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'visit_is_never_deleted'; END $$;
CREATE TRIGGER visit_no_delete BEFORE DELETE ON visit
    FOR EACH ROW EXECUTE FUNCTION visit_is_never_deleted();

-- Printed; a lost one is replaced, and one at a time can be used.
CREATE TABLE visit_pass (
    id         TEXT    NOT NULL PRIMARY KEY,
    visit_id   TEXT    NOT NULL REFERENCES visit (id),
    signed     BYTEA   NOT NULL,
    state      TEXT    NOT NULL CHECK (state IN ('active', 'revoked', 'cancelled')),
    created_at BIGINT  NOT NULL
);
CREATE INDEX visit_pass_visit_idx ON visit_pass (visit_id);
CREATE UNIQUE INDEX visit_pass_active_key ON visit_pass (visit_id) WHERE state = 'active';
