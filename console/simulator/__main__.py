"""`python -m console.simulator`."""

import sys

from console.simulator import main

if __name__ == "__main__":
    sys.exit(main())
