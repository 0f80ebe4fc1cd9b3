INSERT INTO endpoint_events (id, organisation_id, app_id, shortcode_id, at_us, name, detail, done_by)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
