"""What all tests share."""

from __future__ import annotations

import os

from hypothesis import settings

# The same examples on every run where a failure must mean a change; new ones where people work.
settings.register_profile("ci", derandomize=True, deadline=None, print_blob=True)
settings.register_profile("default", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") == "true" else "default")
