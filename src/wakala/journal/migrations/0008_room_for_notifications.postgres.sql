-- A lease changes no index where the new row finds room beside the old one.

ALTER TABLE notifications SET (fillfactor = 70);
