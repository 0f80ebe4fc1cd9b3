DELETE FROM consumers WHERE app_id = ? AND environment = ? AND name = ?
