-- Move the lease of one that is held. The attempts count too: a lease that was taken and given back looks untouched.
UPDATE notifications SET lease_us = ? WHERE id = ? AND lease_us = ? AND attempts = ? AND state = 'waiting' RETURNING id
