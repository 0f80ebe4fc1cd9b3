-- Guard: only a change of state is one, so that several processes that notice one thing tell it once.
UPDATE endpoints SET state = ?, reason = ? WHERE app_id = ? AND shortcode_id = ? AND state <> ? RETURNING id
