INSERT INTO apps (
    id, organisation_id, name, consumer_key, digest, secret_id, data_key, webhook_secret, callback_url, body_format,
    live_shortcode_id, is_active, created_us
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
