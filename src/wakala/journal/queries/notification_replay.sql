-- Guard: owed again and staged anew, with the whole schedule before it. One that waits already is due at once, unless it is
-- on its way, and counts as staged when it was.
UPDATE notifications SET
    attempts = CASE WHEN state = 'waiting' THEN attempts ELSE 0 END,
    created_us = CASE WHEN state = 'waiting' THEN created_us ELSE ? END,
    state = 'waiting', due_us = ?, lease_us = 0, settled_us = NULL
WHERE id = ? AND (state <> 'waiting' OR lease_us <= ?) RETURNING id
