SELECT organisation_id, environment, receipt, app_id, shortcode_id, payment_id, notice, received_us, due_us
FROM confirmations WHERE organisation_id = ? AND environment = ? AND receipt = ?
