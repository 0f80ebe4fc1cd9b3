-- After a stop on a one-process database nothing can be on its way: what was being sent is due now.
UPDATE payments SET next_check_us = ? WHERE next_check_us IS NOT NULL AND next_check_us > ? AND state = 'sending'
