-- After a restore: what the backup knows as not yet sent is asked about, never sent: it counts as sent at this moment.
UPDATE payments SET
    state = 'sending', version = version + 1, updated_us = ?, sent_us = COALESCE(sent_us, ?), next_check_us = ?
WHERE next_check_us IS NOT NULL AND state IN ('received', 'held')
