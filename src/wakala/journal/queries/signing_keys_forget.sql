DELETE FROM signing_keys WHERE endpoint_id = ? AND until_us <= ?
