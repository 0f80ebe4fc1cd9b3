SELECT id, organisation_id, app_id, shortcode_id, at_us, name, detail FROM endpoint_events
WHERE organisation_id = ? AND id < ? ORDER BY id DESC LIMIT ?
