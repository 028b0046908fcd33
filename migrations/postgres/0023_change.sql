-- What an allocation was before its last change, so that it can be taken back for a while: when, by whom, and seat, times and
-- state before.
ALTER TABLE allocation ADD COLUMN changed_at BIGINT;
ALTER TABLE allocation ADD COLUMN changed_by TEXT;
ALTER TABLE allocation ADD COLUMN changed_seat TEXT;
ALTER TABLE allocation ADD COLUMN changed_starts_at BIGINT;
ALTER TABLE allocation ADD COLUMN changed_ends_at BIGINT;
ALTER TABLE allocation ADD COLUMN changed_state TEXT CHECK (changed_state IN ('held', 'confirmed', 'present', 'left'));
