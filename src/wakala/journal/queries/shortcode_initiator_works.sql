UPDATE shortcodes SET initiator_failures = 0 WHERE id = ? AND initiator_failures > 0
