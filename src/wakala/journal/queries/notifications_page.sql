SELECT id, state, settled_us FROM notifications WHERE id > ? AND id < ? ORDER BY id LIMIT ?
