"""Floor 1: translation. Records on one side, bytes on the other; pure."""
