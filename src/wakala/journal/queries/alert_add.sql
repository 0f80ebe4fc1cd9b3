-- The same is told of once: what happened has one ID, wherever it is seen.
INSERT INTO alerts (
    id, organisation_id, app_id, shortcode_id, environment, payment_id, type, detail, at_us, due_us, attempts
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO NOTHING
