-- The newest word wins, but a success that another process saw is never forgotten.
INSERT INTO endpoint_health (
    lane, streak, attempts, last_success_us, last_failure_us, failing_since_us, last_status, last_error, durations_us
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (lane) DO UPDATE SET
    streak = excluded.streak, attempts = excluded.attempts,
    last_success_us = CASE
        WHEN endpoint_health.last_success_us > COALESCE(excluded.last_success_us, 0)
        THEN endpoint_health.last_success_us ELSE excluded.last_success_us
    END,
    last_failure_us = excluded.last_failure_us, failing_since_us = excluded.failing_since_us,
    last_status = excluded.last_status, last_error = excluded.last_error, durations_us = excluded.durations_us
