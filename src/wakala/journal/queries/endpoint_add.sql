-- A row to change; what is known already stays as it is, also where another process adds it in this very moment.
INSERT INTO endpoints (
    id, organisation_id, app_id, shortcode_id, url, state, reason, schedule_s, answer_limit_s, rate_limit_per_s,
    concurrency_limit, old_url, moved_us, waiting, created_us
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO NOTHING
