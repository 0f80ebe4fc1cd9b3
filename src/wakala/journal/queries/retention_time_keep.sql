INSERT INTO duties (name, lease_us) VALUES ('retention', ?)
ON CONFLICT (name) DO UPDATE SET lease_us = excluded.lease_us
