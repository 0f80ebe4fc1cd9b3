-- Since when the oldest payment that has not ended has been there.
SELECT MIN(created_us) FROM payments WHERE next_check_us > 0
