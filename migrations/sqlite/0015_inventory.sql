-- What a site has to offer: floors in an order, what each seat is like, pools of equal seats, walls and rooms behind the plan.

CREATE TABLE floor (
    id         TEXT    NOT NULL PRIMARY KEY,
    site_id    TEXT    NOT NULL REFERENCES site (id),
    name       TEXT    NOT NULL,
    -- From the lowest floor upwards.
    position   INTEGER NOT NULL,
    version    INTEGER NOT NULL DEFAULT 1,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX floor_site_idx ON floor (site_id, position);

CREATE TABLE pool (
    id         TEXT    NOT NULL PRIMARY KEY,
    site_id    TEXT    NOT NULL REFERENCES site (id),
    name       TEXT    NOT NULL,
    version    INTEGER NOT NULL DEFAULT 1,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX pool_site_idx ON pool (site_id, id);

-- A rectangle behind the seats of a floor, in units of the plan: an outline with a name, or a wall.
CREATE TABLE plan_area (
    id         TEXT    NOT NULL PRIMARY KEY,
    floor_id   TEXT    NOT NULL REFERENCES floor (id),
    kind       TEXT    NOT NULL CHECK (kind IN ('room', 'wall')),
    label      TEXT    NOT NULL,
    map_x      INTEGER NOT NULL CHECK (map_x BETWEEN 0 AND 100000),
    map_y      INTEGER NOT NULL CHECK (map_y BETWEEN 0 AND 100000),
    map_w      INTEGER NOT NULL CHECK (map_w BETWEEN 1 AND 10000),
    map_h      INTEGER NOT NULL CHECK (map_h BETWEEN 1 AND 10000),
    version    INTEGER NOT NULL DEFAULT 1,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX plan_area_floor_idx ON plan_area (floor_id, id);

ALTER TABLE seat ADD COLUMN floor_id TEXT REFERENCES floor (id);
-- A seat of a pool, and when its turn comes: the lowest free one is given.
ALTER TABLE seat ADD COLUMN pool_id TEXT REFERENCES pool (id);
ALTER TABLE seat ADD COLUMN pool_position INTEGER NOT NULL DEFAULT 0;
CREATE INDEX seat_pool_idx ON seat (pool_id, pool_position);
-- How well a seat keeps eyes (0 open, 1 screened, 2 enclosed) and ears (0 open, 1 damped, 2 soundproof) out.
ALTER TABLE seat ADD COLUMN visual INTEGER NOT NULL DEFAULT 0 CHECK (visual BETWEEN 0 AND 2);
ALTER TABLE seat ADD COLUMN acoustic INTEGER NOT NULL DEFAULT 0 CHECK (acoustic BETWEEN 0 AND 2);
ALTER TABLE seat ADD COLUMN monitor INTEGER NOT NULL DEFAULT 0 CHECK (monitor IN (0, 1));
ALTER TABLE seat ADD COLUMN accessible INTEGER NOT NULL DEFAULT 0 CHECK (accessible IN (0, 1));
ALTER TABLE seat ADD COLUMN sockets INTEGER NOT NULL DEFAULT 0 CHECK (sockets BETWEEN 0 AND 99);
-- Out of service: why, and until when (NULL: until further notice). In service: out_reason is NULL.
ALTER TABLE seat ADD COLUMN out_reason TEXT;
ALTER TABLE seat ADD COLUMN out_until INTEGER;
-- Minutes around each booking that nobody else gets, for cleaning and airing.
ALTER TABLE seat ADD COLUMN before_min INTEGER NOT NULL DEFAULT 0 CHECK (before_min BETWEEN 0 AND 480);
ALTER TABLE seat ADD COLUMN after_min INTEGER NOT NULL DEFAULT 0 CHECK (after_min BETWEEN 0 AND 480);
