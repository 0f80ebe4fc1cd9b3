SELECT
    lane, streak, attempts, last_success_us, last_failure_us, failing_since_us, last_status, last_error, durations_us
FROM endpoint_health WHERE lane = ?
