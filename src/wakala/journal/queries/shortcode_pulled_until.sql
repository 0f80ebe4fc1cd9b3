SELECT pulled_us FROM shortcodes WHERE id = ?
