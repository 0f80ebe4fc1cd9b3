-- Money that goes from one shortcode of an organisation to another has one receipt and two payments: what left the one
-- and what arrived at the other. So a receipt belongs to one payment of each shortcode.

DROP INDEX payments_receipt;
CREATE UNIQUE INDEX payments_receipt ON payments (organisation_id, environment, receipt, shortcode_id)
WHERE receipt IS NOT NULL;
