SELECT id, name FROM organisations ORDER BY id
