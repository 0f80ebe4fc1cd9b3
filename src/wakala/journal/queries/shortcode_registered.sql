UPDATE shortcodes SET registered_us = ? WHERE id = ?
