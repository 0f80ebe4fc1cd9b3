-- Who opts a shortcode in that nobody collects for is its collector.
UPDATE shortcodes SET bill_url = ?, collector_app_id = COALESCE(collector_app_id, ?) WHERE id = ?
