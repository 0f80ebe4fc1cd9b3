-- The clock has leapt back: a customer's money whose owner no honest clock would wait for so long is looked at now.
UPDATE confirmations SET due_us = ? WHERE due_us > ?
