-- What a booking takes away from others: units, for its time and the minutes around it.
--
-- A seat is a unit of its own, or it is made of others (a large room of two smaller ones) and has their units. Rows of
-- `occupancy` are derived from `allocation` by the database itself, so that they agree whoever writes allocations; its own
-- exclusion then keeps a unit from being in two places at a time.

CREATE TABLE seat_unit (
    seat_id TEXT NOT NULL REFERENCES seat (id),
    unit_id TEXT NOT NULL REFERENCES seat (id),
    PRIMARY KEY (seat_id, unit_id)
);
CREATE INDEX seat_unit_unit_idx ON seat_unit (unit_id);
INSERT INTO seat_unit (seat_id, unit_id) SELECT id, id FROM seat;
CREATE FUNCTION seat_is_a_unit() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN
    INSERT INTO seat_unit (seat_id, unit_id) VALUES (NEW.id, NEW.id);
    RETURN NULL;
END $$;
CREATE TRIGGER seat_is_a_unit AFTER INSERT ON seat FOR EACH ROW EXECUTE FUNCTION seat_is_a_unit();

CREATE TABLE occupancy (
    allocation_id TEXT   NOT NULL REFERENCES allocation (id),
    unit_id       TEXT   NOT NULL REFERENCES seat (id),
    starts_at     BIGINT NOT NULL,
    ends_at       BIGINT NOT NULL,
    PRIMARY KEY (allocation_id, unit_id),
    CHECK (starts_at < ends_at)
);
-- The rows of a unit do not overlap, so the first that ends after an instant is the only one that can hold it.
CREATE INDEX occupancy_unit_idx ON occupancy (unit_id, ends_at, starts_at);
INSERT INTO occupancy (allocation_id, unit_id, starts_at, ends_at)
SELECT id, seat_id, starts_at, ends_at FROM allocation WHERE state IN ('held', 'confirmed', 'present', 'left');

-- The belt.
ALTER TABLE occupancy ADD CONSTRAINT occupancy_unit_overlap
    EXCLUDE USING gist (unit_id WITH =, int8range(starts_at, ends_at) WITH &&);

-- What follows from an allocation: rows while it is live, none after. The minutes around it are those of the seat when it was
-- given; other times move the rows and leave them as wide.
CREATE FUNCTION occupancy_follows() RETURNS trigger LANGUAGE plpgsql AS
$$ DECLARE
    was BOOLEAN := false;
    lives BOOLEAN := NEW.state IN ('held', 'confirmed', 'present', 'left');
BEGIN
    IF TG_OP = 'UPDATE' THEN
        was := OLD.state IN ('held', 'confirmed', 'present', 'left');
        IF was AND lives AND OLD.seat_id = NEW.seat_id THEN
            UPDATE occupancy
               SET starts_at = starts_at + NEW.starts_at - OLD.starts_at, ends_at = ends_at + NEW.ends_at - OLD.ends_at
             WHERE allocation_id = NEW.id AND (OLD.starts_at <> NEW.starts_at OR OLD.ends_at <> NEW.ends_at);
            RETURN NULL;
        END IF;
    END IF;
    IF was THEN
        DELETE FROM occupancy WHERE allocation_id = NEW.id;
    END IF;
    IF lives THEN
        INSERT INTO occupancy (allocation_id, unit_id, starts_at, ends_at)
        SELECT NEW.id, u.unit_id, NEW.starts_at - t.before_min * 60000, NEW.ends_at + t.after_min * 60000
          FROM seat t
          JOIN seat_unit u ON u.seat_id = t.id
         WHERE t.id = NEW.seat_id
         ORDER BY u.unit_id;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER occupancy_follows AFTER INSERT OR UPDATE OF seat_id, starts_at, ends_at, state ON allocation
    FOR EACH ROW EXECUTE FUNCTION occupancy_follows();
