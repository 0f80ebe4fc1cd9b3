-- Of all whose secrets are sealed. Both columns are there since the first schema, so that every one can be asked.
SELECT data_key FROM shortcodes UNION ALL SELECT data_key FROM apps
