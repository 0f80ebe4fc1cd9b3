-- Guard: only an endpoint that is called is disabled, and only for what it did where it leads now.
UPDATE endpoints SET state = 'disabled', reason = ?
WHERE app_id = ? AND shortcode_id = ? AND state = 'active' AND moved_us = ? RETURNING id
