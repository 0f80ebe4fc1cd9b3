UPDATE exchanges SET status = ?, answer_headers = ?, answer_body = ?, duration_us = ? WHERE id = ?
