"""The demonstration: a small shop that takes M-PESA through Wakala, and the program that starts everything for it."""
