-- The end of a gateway: when and why. The reason stands here and never in the log.
ALTER TABLE gateway ADD COLUMN revoked_at INTEGER;
ALTER TABLE gateway ADD COLUMN revoked_reason TEXT;

-- Every certificate that a gateway ever got. revoked_at: it is on the uplink's revocation list, because another took its
-- place or because its gateway was revoked.
CREATE TABLE gateway_certificate (
    serial     TEXT    NOT NULL PRIMARY KEY,
    gateway_id TEXT    NOT NULL REFERENCES gateway (id),
    issued_at  INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT;
CREATE INDEX gateway_certificate_gateway_idx ON gateway_certificate (gateway_id);
INSERT INTO gateway_certificate (serial, gateway_id, issued_at, revoked_at)
SELECT certificate_serial, id, COALESCE(enrolled_at, created_at), CASE WHEN state = 'revoked' THEN COALESCE(seen_at, created_at) END
  FROM gateway WHERE certificate_serial IS NOT NULL;
