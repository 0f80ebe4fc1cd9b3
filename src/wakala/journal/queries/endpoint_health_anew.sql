UPDATE endpoint_health SET streak = 0, failing_since_us = NULL WHERE lane = ?
