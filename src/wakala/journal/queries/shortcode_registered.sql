-- The newest registration decides; who registers a shortcode that nobody collects for is its collector.
UPDATE shortcodes SET
    registered_us = ?, response_type = ?, confirmation_url = ?, validation_url = ?,
    collector_app_id = COALESCE(collector_app_id, ?)
WHERE id = ?
