-- Guard: the duty is done; who comes next need not wait.
UPDATE duties SET lease_us = 0 WHERE name = ? AND lease_us = ? RETURNING name
