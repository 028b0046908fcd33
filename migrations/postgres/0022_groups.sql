-- Groups: bookings of one company for one interval at one site that were made together, all or none of them.

-- organiser: who made it, as everywhere where somebody acts. Its members are the bookings that name it.
CREATE TABLE booking_group (
    id          TEXT    NOT NULL PRIMARY KEY,
    name        TEXT    NOT NULL CHECK (length(name) BETWEEN 1 AND 120),
    operator_id TEXT    NOT NULL REFERENCES organisation (id),
    company_id  TEXT    NOT NULL REFERENCES organisation (id),
    site_id     TEXT    NOT NULL REFERENCES site (id),
    organiser   TEXT    NOT NULL,
    starts_at   BIGINT  NOT NULL,
    ends_at     BIGINT  NOT NULL,
    created_at  BIGINT  NOT NULL,
    CHECK (starts_at < ends_at)
);
CREATE INDEX booking_group_operator_idx ON booking_group (operator_id, ends_at);
CREATE INDEX booking_group_company_idx ON booking_group (company_id, ends_at);

ALTER TABLE booking ADD COLUMN group_id TEXT REFERENCES booking_group (id);
CREATE INDEX booking_of_group_idx ON booking (group_id) WHERE group_id IS NOT NULL;
