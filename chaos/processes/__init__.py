"""The breaking machine with real processes: what is killed, frozen, cut off and answered wrongly, and who watches."""
