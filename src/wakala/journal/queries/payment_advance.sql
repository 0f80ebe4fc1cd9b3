-- Guard of every later change: compare and set on the version; the loser reads again and decides again. The time of the
-- change before is compared too: two gateways may each have made a version of that number, and only one is here.
UPDATE payments SET
    state = ?, version = ?, updated_us = ?, sent_us = ?, settled_us = ?, merchant_request_id = ?,
    checkout_request_id = ?, receipt = ?, paid_us = ?, payer_name = ?, answer = ?, answer_code = ?, answer_desc = ?,
    result_code = ?, result_desc = ?, evidence = ?, reason = ?, flags = ?, notifications = ?, checks = ?,
    next_check_us = ?, results = ?
WHERE id = ? AND version = ? AND updated_us = ?
RETURNING id
