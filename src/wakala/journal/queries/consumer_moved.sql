-- Forward only: two readers under one name never send each other back.
INSERT INTO consumers (app_id, environment, name, cursor, updated_us) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (app_id, environment, name) DO UPDATE SET cursor = excluded.cursor, updated_us = excluded.updated_us
WHERE excluded.cursor > consumers.cursor
