SELECT
    id, organisation_id, app_id, shortcode_id, environment, kind, request_id, fingerprint, state, version, amount_cents,
    msisdn, reference, description, reference_data, callback_url, created_us, updated_us, sent_us, settled_us,
    merchant_request_id, checkout_request_id, receipt, paid_us, payer_name, answer, answer_code, answer_desc,
    result_code, result_desc, evidence, reason, flags, notifications, checks, next_check_us,
    command, face, details, results, side
FROM payments
WHERE shortcode_id = ? AND next_check_us IS NOT NULL AND next_check_us <= ?
ORDER BY next_check_us LIMIT ?
