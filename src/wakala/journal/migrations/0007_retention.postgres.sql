-- Duties that one process at a time does: whoever moves the lease has the duty until it ends.

CREATE TABLE duties (
    name text PRIMARY KEY,
    lease_us bigint NOT NULL
);

-- Exchanges are most of the bytes and age out a week at a time: a partition is dropped, no row is looked at. IDs begin
-- with their milliseconds, so the primary key is the time as well. What there is becomes the first partition as it
-- stands; `workers/pruner.py` makes those of the coming weeks, and what fits into none of them goes to the default one.

ALTER TABLE exchanges RENAME TO exchanges_first;
ALTER INDEX exchanges_pkey RENAME TO exchanges_first_pkey;
ALTER INDEX exchanges_payment RENAME TO exchanges_first_payment;
ALTER INDEX exchanges_quarantine RENAME TO exchanges_first_quarantine;

CREATE TABLE exchanges (LIKE exchanges_first INCLUDING DEFAULTS) PARTITION BY RANGE (id);
ALTER TABLE exchanges ADD CONSTRAINT exchanges_pkey PRIMARY KEY (id);
CREATE INDEX exchanges_payment ON exchanges (payment_id) WHERE payment_id IS NOT NULL;
CREATE INDEX exchanges_quarantine ON exchanges (id) WHERE verdict <> 'ok';

DO $$
DECLARE
    newest text := (SELECT max(substr(id, 5, 12)) FROM exchanges_first WHERE id ~ '^xch_[0-9a-f]{12}');
    now_ms bigint := (extract(epoch FROM now()) * 1000)::bigint;
    week_ms bigint := 604800000;
    ends_ms bigint := (greatest(now_ms, coalesce(('x' || newest)::bit(48)::bigint, 0)) / week_ms + 1) * week_ms;
BEGIN
    EXECUTE format(
        'ALTER TABLE exchanges ATTACH PARTITION exchanges_first FOR VALUES FROM (MINVALUE) TO (%L)',
        'xch_' || lpad(to_hex(ends_ms), 12, '0')
    );
END $$;

CREATE TABLE exchanges_default PARTITION OF exchanges DEFAULT;
