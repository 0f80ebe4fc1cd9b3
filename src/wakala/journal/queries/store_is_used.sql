-- Whether anybody has ever worked with this database.
SELECT EXISTS (SELECT 1 FROM organisations) OR EXISTS (SELECT 1 FROM payments)
