-- Give a waiting confirmation to its payment: of the shortcode where the money arrived, for what left another bears the
-- same receipt. One of another amount than is given goes to nobody by its receipt alone.
UPDATE confirmations SET payment_id = ?, due_us = NULL
WHERE organisation_id = ? AND environment = ? AND receipt = ? AND shortcode_id = ? AND payment_id IS NULL
-- sqlite: AND coalesce(? = notice ->> 'amount_cents', true)
-- postgres: AND coalesce(? = (notice::json ->> 'amount_cents')::bigint, true)
RETURNING receipt
