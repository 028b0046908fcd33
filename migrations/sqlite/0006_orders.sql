-- Modes of doors, as the gateway last recorded them; a door without a row decides by credential.
CREATE TABLE door_mode (
    door_id    TEXT    NOT NULL PRIMARY KEY REFERENCES door (id),
    site_id    TEXT    NOT NULL REFERENCES site (id),
    mode       TEXT    NOT NULL CHECK (mode IN ('normal', 'lockdown', 'blocked')),
    changed_at INTEGER NOT NULL
) STRICT;
CREATE INDEX door_mode_site_idx ON door_mode (site_id, door_id);
