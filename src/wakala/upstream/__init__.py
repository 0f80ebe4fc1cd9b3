"""Floor 2: towards M-Pesa; every answer is accepted, refused or unknown."""
