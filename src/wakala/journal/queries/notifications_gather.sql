-- What waits in another lane without a URL of its own, for one shortcode or any, waits in the endpoint's own: a page. A
-- lease stays, for what is on its way.
UPDATE notifications SET lane = ? WHERE id IN (
    SELECT id FROM notifications
    WHERE state = 'waiting' AND lane = ? AND url IS NULL AND (shortcode_id = ? OR ? = '')
    LIMIT ?
)
RETURNING id
