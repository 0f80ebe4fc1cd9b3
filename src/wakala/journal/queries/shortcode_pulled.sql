-- How far Pull has read; it is no part of the directory, so the version stays.
UPDATE shortcodes SET pulled_us = ? WHERE id = ?
