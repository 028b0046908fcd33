-- How an allocation was cancelled, so that it can be taken back for a while: when, by whom, and in which state it was.
ALTER TABLE allocation ADD COLUMN cancelled_at BIGINT;
ALTER TABLE allocation ADD COLUMN cancelled_by TEXT;
ALTER TABLE allocation ADD COLUMN cancelled_from TEXT CHECK (cancelled_from IN ('held', 'confirmed', 'present', 'left'));
