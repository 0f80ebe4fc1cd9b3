-- Those in force sign on until the overlap is over; one whose end is set already is not kept longer.
UPDATE signing_keys SET until_us = ? WHERE endpoint_id = ? AND version = ? AND (until_us IS NULL OR until_us > ?)
