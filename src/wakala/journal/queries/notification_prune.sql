-- What waits is never thrown away, whatever became of it since the page was read.
DELETE FROM notifications WHERE id = ? AND state <> 'waiting'
