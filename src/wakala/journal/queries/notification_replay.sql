-- Guard: owed again and staged anew, with the whole schedule before it. One that waits already is due at once, unless it is
-- on its way, and counts as staged when it was; but where its endpoint has moved since, it is for where that leads today.
UPDATE notifications SET
    attempts = CASE WHEN state = 'waiting' AND created_us >= ? THEN attempts ELSE 0 END,
    created_us = CASE WHEN state = 'waiting' AND created_us >= ? THEN created_us ELSE ? END,
    state = 'waiting', due_us = ?, lease_us = 0, settled_us = NULL
WHERE id = ? AND (state <> 'waiting' OR lease_us <= ?) RETURNING id
