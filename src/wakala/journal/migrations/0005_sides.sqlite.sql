-- M-Pesa's two sides: the one each payment began on, and a shortcode's sealed access to the Broker.

ALTER TABLE payments ADD COLUMN side TEXT NOT NULL DEFAULT 'daraja';
ALTER TABLE shortcodes ADD COLUMN broker TEXT NOT NULL DEFAULT '';
