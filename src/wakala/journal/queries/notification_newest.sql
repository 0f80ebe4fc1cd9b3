SELECT id FROM notifications WHERE id < ? ORDER BY id DESC LIMIT 1
