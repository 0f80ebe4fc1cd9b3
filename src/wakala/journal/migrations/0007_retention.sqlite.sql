-- Duties that one process at a time does: whoever moves the lease has the duty until it ends.

CREATE TABLE duties (
    name TEXT PRIMARY KEY,
    lease_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
