-- What waits in a lane without a URL of its own, a page at a time.
SELECT id FROM notifications
WHERE state = 'waiting' AND lane = ? AND url IS NULL AND created_us < ? LIMIT ?
