-- Where a seat stands on the site's plan, in units of the plan (about 10 cm); all four or none. Without: laid out by zone.
ALTER TABLE seat ADD COLUMN map_x BIGINT CHECK (map_x BETWEEN 0 AND 100000);
ALTER TABLE seat ADD COLUMN map_y BIGINT CHECK (map_y BETWEEN 0 AND 100000);
ALTER TABLE seat ADD COLUMN map_w BIGINT CHECK (map_w BETWEEN 1 AND 10000);
ALTER TABLE seat ADD COLUMN map_h BIGINT CHECK (map_h BETWEEN 1 AND 10000);
-- Counts changes of the place, for ETag and If-Match.
ALTER TABLE seat ADD COLUMN version BIGINT NOT NULL DEFAULT 1;
