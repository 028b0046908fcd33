-- How far an export is, how large its bundle is, and when the file was taken away again. The row stays: it is what was exported.
ALTER TABLE export ADD COLUMN stage TEXT NOT NULL DEFAULT 'cuts' CHECK (stage IN ('cuts', 'writing', 'done'));
ALTER TABLE export ADD COLUMN files_done INTEGER NOT NULL DEFAULT 0;
ALTER TABLE export ADD COLUMN files INTEGER NOT NULL DEFAULT 0;
ALTER TABLE export ADD COLUMN leaves INTEGER NOT NULL DEFAULT 0;
ALTER TABLE export ADD COLUMN bytes INTEGER;
ALTER TABLE export ADD COLUMN removed_at INTEGER;
-- A file has its name from the id; where it lies is nobody's business.
ALTER TABLE export DROP COLUMN path;

-- That somebody looked at names is recorded once a day, site and kind of page, so that looking often fills no log.
CREATE TABLE opening_read (
    site_id TEXT    NOT NULL REFERENCES site (id),
    actor   TEXT    NOT NULL,
    kind    TEXT    NOT NULL,
    day     INTEGER NOT NULL,
    PRIMARY KEY (site_id, actor, kind, day)
) STRICT;
CREATE INDEX opening_read_day_idx ON opening_read (day);

-- The last refusals, and what is known of one person, without reading a whole year.
CREATE INDEX event_site_code_idx ON event (site_id, code, id);
CREATE INDEX event_person_idx ON event (person_id, id) WHERE person_id IS NOT NULL;
