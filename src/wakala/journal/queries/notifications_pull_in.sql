-- The clock has leapt back: no honest lease ends so late, and no honest attempt is put off so far.
UPDATE notifications SET lease_us = 0, due_us = CASE WHEN due_us > ? THEN ? ELSE due_us END
WHERE state = 'waiting' AND (lease_us > ? OR due_us > ?)
