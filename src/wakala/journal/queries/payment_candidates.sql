-- What a C2B confirmation may belong to: pushes that left, are open or paid, and have no receipt yet; newest first.
SELECT
    id, organisation_id, app_id, shortcode_id, environment, kind, request_id, fingerprint, state, version, amount_cents,
    msisdn, reference, description, reference_data, callback_url, created_us, updated_us, sent_us, settled_us,
    merchant_request_id, checkout_request_id, receipt, paid_us, payer_name, answer, answer_code, answer_desc,
    result_code, result_desc, evidence, reason, flags, notifications, checks, next_check_us,
    command, face, details, results, side
FROM payments
WHERE shortcode_id = ? AND amount_cents = ? AND created_us >= ? AND created_us <= ?
AND kind = 'push' AND receipt IS NULL AND sent_us IS NOT NULL
AND state <> 'received' AND state <> 'failed' AND state <> 'expired'
ORDER BY created_us DESC LIMIT ?
