-- Guard: the merchant has it by another way, so nothing is tried any more. What was delivered stays delivered.
UPDATE notifications SET state = 'acknowledged', lease_us = 0, settled_us = ?
WHERE id = ? AND state NOT IN ('delivered', 'acknowledged') RETURNING id
