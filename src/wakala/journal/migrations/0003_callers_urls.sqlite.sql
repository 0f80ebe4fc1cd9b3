-- Where a caller of Daraja's own paths wants to be told of customers' payments, and asked about them.

ALTER TABLE shortcodes ADD COLUMN confirmation_url TEXT NOT NULL DEFAULT '';
ALTER TABLE shortcodes ADD COLUMN validation_url TEXT NOT NULL DEFAULT '';
