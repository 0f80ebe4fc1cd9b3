-- Guard: kept, to be read or replayed.
UPDATE notifications SET state = 'kept', lease_us = 0, settled_us = ? WHERE id = ? AND state = 'waiting' RETURNING id
