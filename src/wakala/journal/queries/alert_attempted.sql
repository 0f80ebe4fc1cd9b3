-- Guard: two processes that told the same one count it once.
UPDATE alerts SET attempts = ?, due_us = ?, told_us = ?, last_error = ? WHERE id = ? AND attempts = ? RETURNING id
