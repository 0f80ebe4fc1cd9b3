-- Guard: it comes in M-Pesa's own words after all, and waits once more for whoever gives it to its payment and tells it.
UPDATE confirmations SET notice = ?, payment_id = NULL, due_us = ?
WHERE organisation_id = ? AND environment = ? AND receipt = ? AND notice = ?
RETURNING receipt
