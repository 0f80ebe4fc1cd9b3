-- After a restore: what the backup knows as not yet sent may have been sent since. The event that says so.
INSERT INTO events (
    payment_id, sequence, organisation_id, app_id, shortcode_id, environment, at_us, name, from_state, to_state,
    exchange_id, detail
)
SELECT
    id, version + 1, organisation_id, app_id, shortcode_id, environment, CAST(? AS bigint), 'restored', state, 'sending',
    NULL, '{}'
FROM payments WHERE next_check_us IS NOT NULL AND state IN ('received', 'held')
