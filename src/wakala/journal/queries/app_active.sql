UPDATE apps SET is_active = ? WHERE organisation_id = ? AND id = ? RETURNING id
