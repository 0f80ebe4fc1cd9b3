"""Floor 4: HTTP in: the Wakala API, M-Pesa's callbacks, the pages."""
