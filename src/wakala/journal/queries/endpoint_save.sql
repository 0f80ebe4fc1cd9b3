-- Where it leads and on what terms; whether it is called is changed by `endpoint_state` alone.
INSERT INTO endpoints (
    id, organisation_id, app_id, shortcode_id, url, state, reason, schedule_s, answer_limit_s, rate_limit_per_s,
    concurrency_limit, old_url, moved_us, waiting, created_us
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (app_id, shortcode_id) DO UPDATE SET
    url = excluded.url, schedule_s = excluded.schedule_s, answer_limit_s = excluded.answer_limit_s,
    rate_limit_per_s = excluded.rate_limit_per_s, concurrency_limit = excluded.concurrency_limit,
    old_url = excluded.old_url, moved_us = excluded.moved_us, waiting = excluded.waiting
