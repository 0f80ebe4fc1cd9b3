-- Guard: whoever replaces a secret has seen the one that is in force.
UPDATE apps SET secret_id = ?, digest = ? WHERE organisation_id = ? AND id = ? AND secret_id = ? RETURNING id
