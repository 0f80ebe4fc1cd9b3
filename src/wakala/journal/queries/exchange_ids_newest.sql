-- The newest of a window, newest first: an index has all of it.
SELECT id FROM exchanges WHERE id > ? ORDER BY id DESC LIMIT ?
