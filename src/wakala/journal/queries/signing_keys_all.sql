SELECT id, endpoint_id, app_id, version, sealed, created_us, until_us FROM signing_keys ORDER BY id
