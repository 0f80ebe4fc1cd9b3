SELECT
    id, organisation_id, environment, number, kind, till, side, response_type, data_key, consumer_key, consumer_secret,
    passkey, collector_app_id, registered_us, created_us, products, initiator, initiator_password, certificate,
    initiator_failures, pulled_us, confirmation_url, validation_url, bill_key, bill_url, broker
FROM shortcodes ORDER BY id
