"""``python -m neorlt``."""

from neorlt.cli import main

if __name__ == "__main__":
    main()
