-- Claim a due payment: whoever moves its due time owns it until then.
UPDATE payments SET next_check_us = ? WHERE id = ? AND next_check_us = ? RETURNING id
