-- New credentials start with a clean slate.
UPDATE shortcodes SET initiator = ?, initiator_password = ?, certificate = ?, initiator_failures = 0 WHERE id = ?
