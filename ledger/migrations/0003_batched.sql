-- +goose Up

-- 1 where a batch answered, at half the price. What was recorded before cost the full price as far as anybody knows.
ALTER TABLE answers ADD COLUMN batched INTEGER NOT NULL DEFAULT 0 CHECK (batched IN (0, 1));
ALTER TABLE waste ADD COLUMN batched INTEGER NOT NULL DEFAULT 0 CHECK (batched IN (0, 1));

-- 1 while the call that it is for waits to go into a batch: nothing can have been charged for it.
ALTER TABLE reservations ADD COLUMN unsent INTEGER NOT NULL DEFAULT 0 CHECK (unsent IN (0, 1));
