-- Give a waiting confirmation to its payment.
UPDATE confirmations SET payment_id = ?, due_us = NULL
WHERE organisation_id = ? AND environment = ? AND receipt = ? AND payment_id IS NULL
RETURNING receipt
