UPDATE notifications SET lease_us = 0 WHERE state = 'waiting' AND lease_us > 0
