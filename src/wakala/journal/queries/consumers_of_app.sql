SELECT name, cursor, updated_us FROM consumers WHERE app_id = ? AND environment = ? ORDER BY name
