-- What a confirmation may belong to, as before, in the words that are cheap for SQLite: the question must use them too.

DROP INDEX payments_open;
CREATE INDEX payments_open ON payments (shortcode_id, amount_cents, created_us)
WHERE kind = 'push' AND receipt IS NULL AND state <> 'received' AND state <> 'failed' AND state <> 'expired';
