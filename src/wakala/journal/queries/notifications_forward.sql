-- The endpoint is well again: a page of what waits for its next step is due at once, in the order it was staged. What
-- the endpoint itself put off (429) keeps its time, but not (0) where another one is asked now.
UPDATE notifications SET due_us = created_us WHERE id IN (
    SELECT id FROM notifications
    WHERE state = 'waiting' AND lane = ? AND due_us > ? AND created_us <= ? AND COALESCE(last_status, -1) <> ?
    LIMIT ?
)
RETURNING id
