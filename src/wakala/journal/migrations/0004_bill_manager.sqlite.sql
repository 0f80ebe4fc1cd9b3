-- Bill Manager: the key of a shortcode's opt-in (sealed), and where a caller of Daraja's paths hears of paid bills.

ALTER TABLE shortcodes ADD COLUMN bill_key TEXT NOT NULL DEFAULT '';
ALTER TABLE shortcodes ADD COLUMN bill_url TEXT NOT NULL DEFAULT '';
