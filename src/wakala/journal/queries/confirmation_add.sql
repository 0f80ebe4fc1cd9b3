-- Guard of a C2B confirmation: a receipt enters once.
INSERT INTO confirmations (
    organisation_id, environment, receipt, app_id, shortcode_id, payment_id, notice, received_us, due_us
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (organisation_id, environment, receipt) DO NOTHING
RETURNING receipt
