-- The clock has leapt back: what no honest clock would put off so far is due now.
UPDATE payments SET next_check_us = ? WHERE next_check_us > ?
