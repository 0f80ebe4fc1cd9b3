UPDATE shortcodes SET bill_key = ? WHERE id = ?
