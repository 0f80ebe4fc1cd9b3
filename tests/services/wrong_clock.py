"""``wakala`` on a machine whose clock is off: ``wrong_clock.py SECONDS ARGUMENTS...``."""

import sys
import time

from wakala.cli import main

if __name__ == "__main__":
    off_s = int(sys.argv.pop(1))
    right_ns, right_s = time.time_ns, time.time
    time.time_ns = lambda: right_ns() + off_s * 1_000_000_000
    time.time = lambda: right_s() + off_s
    main()
