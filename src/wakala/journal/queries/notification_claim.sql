UPDATE notifications SET lease_us = ? WHERE id = ? AND lease_us = ? AND state = 'waiting' RETURNING id
