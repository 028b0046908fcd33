-- How often an alarm without an end of its own has come, by the sealed records, until somebody saw to it.
ALTER TABLE alarm ADD COLUMN times INTEGER NOT NULL DEFAULT 1;

-- When an export last came on: one that lives writes this. NULL: it has just begun.
ALTER TABLE export ADD COLUMN progress_at INTEGER;
