SELECT name FROM consumers WHERE app_id = ? AND environment = ? ORDER BY name
