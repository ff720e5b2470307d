"""`python -m saferun`, the same as `saferun`."""

from __future__ import annotations

import sys

from saferun.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv))
