-- Guard of an attempt's outcome: one attempt is counted once, whoever made it; and none that was begun before a replay,
-- which stages anew, for it may have gone to another URL. It is found by its ID: said so that PostgreSQL does not look
-- for it among all that waits, by that index.
UPDATE notifications SET state = ?, attempts = ?, due_us = ?, lease_us = 0, last_status = ?, last_error = ?, settled_us = ?
WHERE id = ? AND attempts = ? AND created_us = ?
-- sqlite: AND state = 'waiting'
-- postgres: AND coalesce(state, '') = 'waiting'
RETURNING id
