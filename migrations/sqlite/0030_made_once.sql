-- What a POST with an Idempotency-Key made, written in the transaction that made it: a repeat finds it even if the answer was lost.
ALTER TABLE idempotency ADD COLUMN made TEXT;
