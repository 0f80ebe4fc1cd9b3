INSERT INTO old_secrets (id, organisation_id, app_id, digest, until_us) VALUES (?, ?, ?, ?, ?)
