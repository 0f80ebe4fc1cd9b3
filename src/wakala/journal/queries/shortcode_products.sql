UPDATE shortcodes SET products = ? WHERE id = ?
