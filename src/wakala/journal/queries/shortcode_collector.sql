UPDATE shortcodes SET collector_app_id = ? WHERE id = ?
