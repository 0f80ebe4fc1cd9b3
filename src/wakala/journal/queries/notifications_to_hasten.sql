-- What waits in a lane for a later try, a page at a time.
SELECT id FROM notifications
WHERE state = 'waiting' AND lane = ? AND due_us > ? LIMIT ?
