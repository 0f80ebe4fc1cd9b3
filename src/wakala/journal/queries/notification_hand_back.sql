-- Guard: given back before its lease ended, by the process whose lease it is.
UPDATE notifications SET lease_us = 0 WHERE id = ? AND state = 'waiting' AND lease_us = ? RETURNING id
