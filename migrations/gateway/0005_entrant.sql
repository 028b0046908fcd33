-- Whom an entry under way lets in, and the end of their right: they are inside once its door has opened, and not before. NULL: nobody
-- that is to be known, or somebody who has left again.
ALTER TABLE release ADD COLUMN subject_id TEXT;
ALTER TABLE release ADD COLUMN until_ms INTEGER;

-- Written with the grant so far: nobody knows who of them passed the door.
DELETE FROM inside;
