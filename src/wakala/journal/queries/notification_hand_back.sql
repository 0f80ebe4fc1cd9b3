-- Guard: given back before its lease ended, by the process whose lease it is. Found by its ID, as an attempt's outcome.
UPDATE notifications SET lease_us = 0 WHERE id = ? AND lease_us = ?
-- sqlite: AND state = 'waiting'
-- postgres: AND coalesce(state, '') = 'waiting'
RETURNING id
