-- Who came in and was not seen to leave: whose company a visitor can have. Until the end of the right they came in with.
CREATE TABLE inside (
    subject_id  TEXT    NOT NULL PRIMARY KEY,
    -- Of the decision that let them in: if they did not pass the door, they are not inside.
    correlation TEXT    NOT NULL,
    until_ms    INTEGER NOT NULL
) STRICT;
