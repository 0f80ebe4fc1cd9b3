-- What waits in a lane without a URL of its own, for one shortcode or any, a page at a time.
SELECT id FROM notifications
WHERE state = 'waiting' AND lane = ? AND url IS NULL AND created_us < ? AND (shortcode_id = ? OR ? = '') LIMIT ?
