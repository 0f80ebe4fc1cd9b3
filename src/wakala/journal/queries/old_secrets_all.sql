SELECT id, organisation_id, app_id, digest, until_us FROM old_secrets ORDER BY id
