DELETE FROM exchanges WHERE id = ?
