-- Give a waiting confirmation to its payment: of the shortcode where the money arrived, for what left another bears the
-- same receipt.
UPDATE confirmations SET payment_id = ?, due_us = NULL
WHERE organisation_id = ? AND environment = ? AND receipt = ? AND shortcode_id = ? AND payment_id IS NULL
RETURNING receipt
