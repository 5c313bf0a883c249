-- +goose Up

-- 1 where a batch answered, at half the price. What was recorded before cost the full price as far as anybody knows.
ALTER TABLE answers ADD COLUMN batched INTEGER NOT NULL DEFAULT 0 CHECK (batched IN (0, 1));
ALTER TABLE waste ADD COLUMN batched INTEGER NOT NULL DEFAULT 0 CHECK (batched IN (0, 1));
