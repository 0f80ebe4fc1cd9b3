INSERT INTO signing_keys (id, endpoint_id, app_id, version, sealed, created_us, until_us) VALUES (?, ?, ?, ?, ?, ?, ?)
