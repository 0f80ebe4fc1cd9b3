-- What cannot be given to anybody now comes back later, unless somebody else was at it meanwhile.
UPDATE confirmations SET due_us = ?
WHERE organisation_id = ? AND environment = ? AND receipt = ? AND shortcode_id = ? AND due_us = ?
RETURNING receipt
