SELECT organisation_id, environment, receipt, app_id, shortcode_id, payment_id, notice, received_us, due_us
FROM confirmations WHERE due_us IS NOT NULL AND due_us <= ? ORDER BY due_us LIMIT ?
