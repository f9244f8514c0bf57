"""``python -m neorlt.cli``."""

from neorlt.cli.app import main

main()
