-- None lets its app in for longer than the one that was replaced last.
UPDATE old_secrets SET until_us = ? WHERE organisation_id = ? AND app_id = ? AND until_us > ?
