"""Floor 4: one duty, one worker, one step."""
