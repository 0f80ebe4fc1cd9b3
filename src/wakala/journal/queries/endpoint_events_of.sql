SELECT id, organisation_id, app_id, shortcode_id, at_us, name, detail, done_by FROM endpoint_events
WHERE organisation_id = ? AND app_id = ? AND shortcode_id = ? ORDER BY id DESC LIMIT ?
