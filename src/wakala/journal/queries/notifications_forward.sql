-- The endpoint is well again: a page of what waits for its next step is due at once, in the order it was staged. What
-- the endpoint itself put off by a 429 keeps its time.
UPDATE notifications SET due_us = created_us WHERE id IN (
    SELECT id FROM notifications
    WHERE state = 'waiting' AND lane = ? AND due_us > ? AND created_us <= ?
    AND (last_status IS NULL OR last_status <> 429)
    LIMIT ?
)
RETURNING id
