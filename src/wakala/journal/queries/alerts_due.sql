SELECT
    id, organisation_id, app_id, shortcode_id, environment, payment_id, type, detail, at_us, due_us, attempts, told_us,
    last_error
FROM alerts WHERE due_us IS NOT NULL AND due_us <= ? ORDER BY due_us LIMIT ?
