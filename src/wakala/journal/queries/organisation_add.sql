INSERT INTO organisations (id, name, created_us) VALUES (?, ?, ?)
