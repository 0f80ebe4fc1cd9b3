UPDATE shortcodes SET initiator_failures = initiator_failures + 1 WHERE id = ?
