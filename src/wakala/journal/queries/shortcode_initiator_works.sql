-- One more failure, or other credentials, and what was heard says nothing of them.
UPDATE shortcodes SET initiator_failures = 0 WHERE id = ? AND initiator_failures = ? AND initiator_password = ?
