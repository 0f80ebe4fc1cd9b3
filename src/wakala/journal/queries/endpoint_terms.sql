-- On what terms; where it leads may be changed by somebody else in this very moment, and is left alone.
INSERT INTO endpoints (
    id, organisation_id, app_id, shortcode_id, url, state, reason, schedule_s, answer_limit_s, rate_limit_per_s,
    concurrency_limit, old_url, moved_us, waiting, created_us
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET
    schedule_s = excluded.schedule_s, answer_limit_s = excluded.answer_limit_s,
    rate_limit_per_s = excluded.rate_limit_per_s, concurrency_limit = excluded.concurrency_limit
