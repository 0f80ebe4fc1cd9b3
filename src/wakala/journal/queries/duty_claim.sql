-- Guard: the duty is ours until the new lease ends. One that ends long after any honest lease is a clock's that was wrong.
INSERT INTO duties (name, lease_us) VALUES (?, ?)
ON CONFLICT (name) DO UPDATE SET lease_us = excluded.lease_us
WHERE duties.lease_us <= ? OR duties.lease_us > ?
RETURNING name
