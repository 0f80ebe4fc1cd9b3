-- Gone, so that no clock that is set back lets anybody in with one that has ended.
DELETE FROM old_secrets WHERE organisation_id = ? AND app_id = ? AND until_us <= ?
