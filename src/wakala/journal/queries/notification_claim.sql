-- Claim a due notification. The attempts count too: a lease that was taken and given back in between looks untouched.
UPDATE notifications SET lease_us = ? WHERE id = ? AND lease_us = ? AND attempts = ? AND state = 'waiting' RETURNING id
