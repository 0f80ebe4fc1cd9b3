SELECT id, verdict FROM exchanges WHERE id > ? AND id < ? ORDER BY id LIMIT ?
