-- The clock was ahead and was put right: who has read as far as a time that is yet to come would miss what comes until
-- then.
UPDATE consumers SET cursor = ?, updated_us = ? WHERE cursor > ?
