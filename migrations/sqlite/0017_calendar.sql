-- When a site is open, beside its hours of the week: days of their own and public holidays. A day's hours are text,
-- `09:00-12:00,22:00-05:00`; none is closed.

CREATE TABLE site_calendar (
    site_id       TEXT    NOT NULL PRIMARY KEY REFERENCES site (id),
    holidays      TEXT    NOT NULL CHECK (holidays IN ('as_usual', 'closed', 'hours')),
    holiday_hours TEXT    NOT NULL,
    version       INTEGER NOT NULL
) STRICT;

CREATE TABLE special_day (
    site_id   TEXT NOT NULL REFERENCES site (id),
    day       TEXT NOT NULL,
    hours     TEXT NOT NULL,
    reason_ja TEXT NOT NULL,
    reason_en TEXT NOT NULL,
    PRIMARY KEY (site_id, day)
) STRICT;

-- A block may run past midnight: closes_min counts on, at most a day after it opens.
CREATE TABLE opening_hours_with_nights (
    site_id    TEXT    NOT NULL REFERENCES site (id),
    weekday    INTEGER NOT NULL CHECK (weekday BETWEEN 0 AND 6),
    opens_min  INTEGER NOT NULL CHECK (opens_min BETWEEN 0 AND 1439),
    closes_min INTEGER NOT NULL CHECK (closes_min BETWEEN 1 AND 2879),
    PRIMARY KEY (site_id, weekday, opens_min),
    CHECK (opens_min < closes_min)
) STRICT;
INSERT INTO opening_hours_with_nights (site_id, weekday, opens_min, closes_min)
SELECT site_id, weekday, opens_min, closes_min FROM opening_hours;
DROP TABLE opening_hours;
ALTER TABLE opening_hours_with_nights RENAME TO opening_hours;
