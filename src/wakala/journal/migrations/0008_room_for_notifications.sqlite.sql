-- A row of a table without rowids has a quarter of a page, and with its body nearly every notification is larger: each
-- had an overflow page of its own, three quarters of it empty, written anew whenever it was leased or tried.
-- SQLite cannot change the kind of a table, so the table is written out once more.

CREATE TABLE notifications_roomy (
    id TEXT NOT NULL PRIMARY KEY,
    payment_id TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    organisation_id TEXT NOT NULL,
    app_id TEXT NOT NULL,
    shortcode_id TEXT NOT NULL,
    environment TEXT NOT NULL,
    type TEXT NOT NULL,
    body BLOB NOT NULL,
    lane TEXT NOT NULL,
    url TEXT,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    due_us INTEGER NOT NULL,
    lease_us INTEGER NOT NULL,
    created_us INTEGER NOT NULL,
    last_status INTEGER,
    last_error TEXT,
    settled_us INTEGER
) STRICT;

INSERT INTO notifications_roomy SELECT * FROM notifications ORDER BY id;
DROP TABLE notifications;
ALTER TABLE notifications_roomy RENAME TO notifications;

CREATE UNIQUE INDEX notifications_payment ON notifications (payment_id, sequence);
-- What the courier looks at: only what waits, a lane at a time, so one slow endpoint hides nobody else's work.
CREATE INDEX notifications_waiting ON notifications (lane, due_us) WHERE state = 'waiting';
CREATE INDEX notifications_listed ON notifications (organisation_id, id);
