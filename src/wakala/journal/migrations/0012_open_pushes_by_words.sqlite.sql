-- What a confirmation may belong to, as before. SQLite makes a table of its own for each list after IN, every time a row
-- is held against it: five for each payment, a twentieth of the gateway's work.

DROP INDEX payments_open;
CREATE INDEX payments_open ON payments (shortcode_id, amount_cents, created_us)
WHERE kind = 'push' AND receipt IS NULL AND state <> 'received' AND state <> 'failed' AND state <> 'expired';
