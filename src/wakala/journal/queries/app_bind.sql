-- Guard: an app is bound once, for good.
UPDATE apps SET live_shortcode_id = ? WHERE organisation_id = ? AND id = ? AND live_shortcode_id IS NULL RETURNING id
