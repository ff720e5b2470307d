"""The gates that this package carries; written by hatch_build.py."""

from __future__ import annotations

#: sha256 over the names and contents of all gates.
DIGEST: str = "542bab886c8754e74306b11804217583a3dc67b5f70f7beaead56a5b3a0a58aa"

#: Go's names of the architectures, as an image's Architecture gives them.
ARCHITECTURES: tuple[str, ...] = ("amd64", "arm64")
