SELECT id, state FROM notifications WHERE id > ? AND id < ? ORDER BY id LIMIT ?
