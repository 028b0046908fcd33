-- Logs that are not signed, and why: 'restored' waits for the gateway's next birth, 'ahead' was refuted by one, 'replaced' has
-- a successor in the same year. Until a gateway has a newer snapshot than seen_snapshot it speaks of the time before.
CREATE TABLE log_hold (
    log_id        TEXT   NOT NULL PRIMARY KEY REFERENCES log (id),
    kind          TEXT   NOT NULL CHECK (kind IN ('restored', 'ahead', 'replaced')),
    why           TEXT   NOT NULL,
    since         BIGINT NOT NULL,
    seen_snapshot BIGINT NOT NULL DEFAULT 0
);

-- Who has approved that a log is replaced. Two are needed.
CREATE TABLE log_approval (
    log_id TEXT   NOT NULL REFERENCES log (id),
    name   TEXT   NOT NULL,
    at     BIGINT NOT NULL,
    PRIMARY KEY (log_id, name)
);

-- A replaced log and its successor share a year; the origin still tells them apart.
DROP INDEX log_site_key;
CREATE INDEX log_site_idx ON log (site_id, fiscal_year);
