-- What a shortcode's new payments go by, and its sealed access to the Broker.
UPDATE shortcodes SET side = ?, broker = ? WHERE id = ?
