-- Claim the newest notification of a lane that was never tried, if one is among the newest that are due (more are not
-- looked at, however long the backlog). A later notification of a payment waits for the earlier one all the same; what
-- bears the lease of a claim that was not answered is ours already.
WITH newest (id) AS MATERIALIZED (
    SELECT n.id FROM notifications AS n
    WHERE n.state = 'waiting' AND n.lane = ? AND n.due_us <= ?
    ORDER BY n.due_us DESC LIMIT 200
), page (claimed_id) AS MATERIALIZED (
    SELECT n.id FROM newest JOIN notifications AS n ON n.id = newest.id
    WHERE n.state = 'waiting' AND n.attempts = 0 AND (n.lease_us <= ? OR ? LIKE '%,' || n.lease_us || ',%')
    AND (
        SELECT MIN(CASE WHEN earlier.state = 'waiting' THEN 1 END) FROM notifications AS earlier
        WHERE earlier.payment_id = n.payment_id AND earlier.sequence < n.sequence
    ) IS NULL
    ORDER BY n.due_us DESC LIMIT 1
    -- postgres: FOR UPDATE OF n SKIP LOCKED
)
UPDATE notifications SET lease_us = ? FROM page WHERE id = claimed_id
RETURNING
    id, payment_id, sequence, organisation_id, app_id, shortcode_id, environment, type, body, lane, url, state, attempts,
    due_us, lease_us, created_us, last_status, last_error, settled_us
