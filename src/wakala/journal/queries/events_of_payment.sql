SELECT sequence, at_us, name, from_state, to_state, exchange_id, detail
FROM events WHERE payment_id = ? ORDER BY sequence
