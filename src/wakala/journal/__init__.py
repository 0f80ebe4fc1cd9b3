"""Floor 2: all state and all SQL."""
