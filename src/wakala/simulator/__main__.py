"""``python -m wakala.simulator``."""

from wakala.simulator.main import main

if __name__ == "__main__":
    main()
