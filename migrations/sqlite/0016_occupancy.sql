-- What a booking takes away from others: units, for its time and the minutes around it.
--
-- A seat is a unit of its own, or it is made of others (a large room of two smaller ones) and has their units. Rows of
-- `occupancy` are derived from `allocation` by the database itself, so that they agree whoever writes allocations; its own
-- exclusion then keeps a unit from being in two places at a time.

CREATE TABLE seat_unit (
    seat_id TEXT NOT NULL REFERENCES seat (id),
    unit_id TEXT NOT NULL REFERENCES seat (id),
    PRIMARY KEY (seat_id, unit_id)
) STRICT;
CREATE INDEX seat_unit_unit_idx ON seat_unit (unit_id);
INSERT INTO seat_unit (seat_id, unit_id) SELECT id, id FROM seat;
CREATE TRIGGER seat_is_a_unit AFTER INSERT ON seat
BEGIN
    INSERT INTO seat_unit (seat_id, unit_id) VALUES (NEW.id, NEW.id);
END;

CREATE TABLE occupancy (
    allocation_id TEXT    NOT NULL REFERENCES allocation (id),
    unit_id       TEXT    NOT NULL REFERENCES seat (id),
    starts_at     INTEGER NOT NULL,
    ends_at       INTEGER NOT NULL,
    PRIMARY KEY (allocation_id, unit_id),
    CHECK (starts_at < ends_at)
) STRICT;
-- The rows of a unit do not overlap, so the first that ends after an instant is the only one that can hold it.
CREATE INDEX occupancy_unit_idx ON occupancy (unit_id, ends_at, starts_at);
INSERT INTO occupancy (allocation_id, unit_id, starts_at, ends_at)
SELECT id, seat_id, starts_at, ends_at FROM allocation WHERE state IN ('held', 'confirmed', 'present', 'left');

-- The belt.
CREATE TRIGGER occupancy_overlap_insert BEFORE INSERT ON occupancy
BEGIN
    SELECT RAISE(ABORT, 'occupancy_unit_overlap') WHERE EXISTS (
        SELECT 1 FROM occupancy o WHERE o.unit_id = NEW.unit_id AND o.starts_at < NEW.ends_at AND NEW.starts_at < o.ends_at);
END;
CREATE TRIGGER occupancy_overlap_update BEFORE UPDATE ON occupancy
BEGIN
    SELECT RAISE(ABORT, 'occupancy_unit_overlap') WHERE EXISTS (
        SELECT 1 FROM occupancy o WHERE o.allocation_id <> NEW.allocation_id AND o.unit_id = NEW.unit_id
           AND o.starts_at < NEW.ends_at AND NEW.starts_at < o.ends_at);
END;

-- What follows from an allocation: rows while it is live, none after. The minutes around it are those of the seat when it was
-- given; other times move the rows and leave them as wide.
CREATE TRIGGER occupancy_follows_insert AFTER INSERT ON allocation
WHEN NEW.state IN ('held', 'confirmed', 'present', 'left')
BEGIN
    INSERT INTO occupancy (allocation_id, unit_id, starts_at, ends_at)
    SELECT NEW.id, u.unit_id, NEW.starts_at - t.before_min * 60000, NEW.ends_at + t.after_min * 60000
      FROM seat t
      JOIN seat_unit u ON u.seat_id = t.id
     WHERE t.id = NEW.seat_id
     ORDER BY u.unit_id;
END;
CREATE TRIGGER occupancy_follows_times AFTER UPDATE OF starts_at, ends_at ON allocation
WHEN OLD.state IN ('held', 'confirmed', 'present', 'left') AND NEW.state IN ('held', 'confirmed', 'present', 'left')
 AND OLD.seat_id = NEW.seat_id AND (OLD.starts_at <> NEW.starts_at OR OLD.ends_at <> NEW.ends_at)
BEGIN
    UPDATE occupancy
       SET starts_at = starts_at + NEW.starts_at - OLD.starts_at, ends_at = ends_at + NEW.ends_at - OLD.ends_at
     WHERE allocation_id = NEW.id;
END;
CREATE TRIGGER occupancy_follows_change AFTER UPDATE OF seat_id, state ON allocation
WHEN OLD.seat_id <> NEW.seat_id
  OR (OLD.state IN ('held', 'confirmed', 'present', 'left')) <> (NEW.state IN ('held', 'confirmed', 'present', 'left'))
BEGIN
    DELETE FROM occupancy WHERE allocation_id = NEW.id;
    INSERT INTO occupancy (allocation_id, unit_id, starts_at, ends_at)
    SELECT NEW.id, u.unit_id, NEW.starts_at - t.before_min * 60000, NEW.ends_at + t.after_min * 60000
      FROM seat t
      JOIN seat_unit u ON u.seat_id = t.id
     WHERE t.id = NEW.seat_id AND NEW.state IN ('held', 'confirmed', 'present', 'left')
     ORDER BY u.unit_id;
END;
