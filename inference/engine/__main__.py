"""`python -m inference.engine`."""

import sys

from inference.engine.cli import main

sys.exit(main(sys.argv[1:]))
