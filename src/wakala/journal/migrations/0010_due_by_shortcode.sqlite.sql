-- The finisher looks at what is due a shortcode at a time, so that one that M-Pesa leaves waiting hides nobody else's.

DROP INDEX payments_due;
CREATE INDEX payments_due ON payments (shortcode_id, next_check_us) WHERE next_check_us IS NOT NULL;
