-- Oldest first, from a cursor up to what has certainly been committed.
SELECT
    id, payment_id, sequence, organisation_id, app_id, shortcode_id, environment, type, body, lane, url, state, attempts,
    due_us, lease_us, created_us, last_status, last_error, settled_us
FROM notifications
WHERE organisation_id = ? AND environment = ? AND app_id = ? AND id > ? AND id < ?
ORDER BY id LIMIT ?
