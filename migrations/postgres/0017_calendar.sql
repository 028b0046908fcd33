-- When a site is open, beside its hours of the week: days of their own and public holidays. A day's hours are text,
-- `09:00-12:00,22:00-05:00`; none is closed.

CREATE TABLE site_calendar (
    site_id       TEXT   NOT NULL PRIMARY KEY REFERENCES site (id),
    holidays      TEXT   NOT NULL CHECK (holidays IN ('as_usual', 'closed', 'hours')),
    holiday_hours TEXT   NOT NULL,
    version       BIGINT NOT NULL
);

CREATE TABLE special_day (
    site_id   TEXT NOT NULL REFERENCES site (id),
    day       TEXT NOT NULL,
    hours     TEXT NOT NULL,
    reason_ja TEXT NOT NULL,
    reason_en TEXT NOT NULL,
    PRIMARY KEY (site_id, day)
);

-- A block may run past midnight: closes_min counts on, at most a day after it opens.
ALTER TABLE opening_hours DROP CONSTRAINT opening_hours_closes_min_check;
ALTER TABLE opening_hours ADD CONSTRAINT opening_hours_closes_min_check CHECK (closes_min BETWEEN 1 AND 2879);
