-- Every command of M-Pesa, not only the push: what was asked in full, by which face it came, and M-Pesa's own Result.
-- A shortcode's API operator, its products, and how far Pull has read.

ALTER TABLE payments ADD COLUMN command TEXT NOT NULL DEFAULT 'lnm/customerpaybill';
ALTER TABLE payments ADD COLUMN face TEXT NOT NULL DEFAULT 'wakala';
ALTER TABLE payments ADD COLUMN details TEXT NOT NULL DEFAULT '{}';
ALTER TABLE payments ADD COLUMN results TEXT NOT NULL DEFAULT '{}';
-- M-Pesa's own IDs: the facade is asked by them, and a status result names them.
CREATE INDEX payments_checkout ON payments (organisation_id, checkout_request_id) WHERE checkout_request_id IS NOT NULL;

ALTER TABLE shortcodes ADD COLUMN products TEXT NOT NULL DEFAULT '';
ALTER TABLE shortcodes ADD COLUMN initiator TEXT NOT NULL DEFAULT '';
ALTER TABLE shortcodes ADD COLUMN initiator_password TEXT NOT NULL DEFAULT '';
ALTER TABLE shortcodes ADD COLUMN certificate TEXT NOT NULL DEFAULT '';
ALTER TABLE shortcodes ADD COLUMN initiator_failures INTEGER NOT NULL DEFAULT 0;
ALTER TABLE shortcodes ADD COLUMN pulled_us INTEGER;
