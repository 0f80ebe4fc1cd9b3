INSERT INTO events (
    payment_id, sequence, organisation_id, app_id, shortcode_id, environment, at_us, name, from_state, to_state,
    exchange_id, detail
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
