-- Guard: kept, to be read or replayed; what was replayed since it was looked at is owed anew.
UPDATE notifications SET state = 'kept', lease_us = 0, settled_us = ?
WHERE id = ? AND state = 'waiting' AND created_us < ? RETURNING id
