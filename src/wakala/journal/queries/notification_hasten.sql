-- Guard: due at once.
UPDATE notifications SET due_us = ? WHERE id = ? AND state = 'waiting' AND due_us > ? RETURNING id
