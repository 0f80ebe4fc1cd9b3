-- Of each version the newest first: the one in force, then those that still sign beside it.
SELECT id, endpoint_id, app_id, version, sealed, created_us, until_us FROM signing_keys
ORDER BY version, created_us DESC, id
