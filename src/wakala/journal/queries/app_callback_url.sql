UPDATE apps SET callback_url = ? WHERE organisation_id = ? AND id = ? RETURNING id
