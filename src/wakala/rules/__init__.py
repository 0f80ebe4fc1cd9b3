"""Floor 1: decisions. Pure: no socket, no database, no clock, no randomness."""
