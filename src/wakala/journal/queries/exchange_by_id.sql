SELECT
    id, payment_id, notification_id, organisation_id, app_id, shortcode_id, environment, name, direction, verdict, peer,
    method, url, request_headers, request_body, status, answer_headers, answer_body, error, started_us, duration_us
FROM exchanges WHERE id = ?
