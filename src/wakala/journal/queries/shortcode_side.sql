-- Without new access the old one stays, for payments that began there.
UPDATE shortcodes SET side = ?, broker = COALESCE(?, broker) WHERE id = ?
