"""``python -m wakala`` is ``wakala``."""

from wakala.cli import main

if __name__ == "__main__":
    main()
