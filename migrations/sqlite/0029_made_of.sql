-- The seats that are made of others: few, and asked for with every look at what is free.
CREATE INDEX seat_unit_made_idx ON seat_unit (seat_id, unit_id) WHERE seat_id <> unit_id;
