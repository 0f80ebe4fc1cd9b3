-- Guard of an attempt's outcome: one attempt is counted once, whoever made it.
UPDATE notifications SET state = ?, attempts = ?, due_us = ?, lease_us = 0, last_status = ?, last_error = ?, settled_us = ?
WHERE id = ? AND attempts = ? AND state = 'waiting'
RETURNING id
