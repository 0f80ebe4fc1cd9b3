-- Guard: its endpoint changed, so it waits in another lane and whoever looks there may claim it.
UPDATE notifications SET lane = ?, lease_us = 0 WHERE id = ? AND lane = ? AND state = 'waiting' RETURNING id
