-- Where it leads; its terms are changed by `endpoint_terms` alone, and whether it is called by `endpoint_state`.
INSERT INTO endpoints (
    id, organisation_id, app_id, shortcode_id, url, state, reason, schedule_s, answer_limit_s, rate_limit_per_s,
    concurrency_limit, old_url, moved_us, waiting, created_us
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET
    url = excluded.url, old_url = excluded.old_url, moved_us = excluded.moved_us, waiting = excluded.waiting
