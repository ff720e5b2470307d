"""The laws that come with saferun, and where they are."""

from __future__ import annotations

import os

#: What the files are called after the law's name.
SUFFIX = ".toml"
_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def directory() -> str:
    """Return where they are: in the package, or beside it in a checkout."""
    installed = f"{_PACKAGE}/policies"
    return installed if os.path.isdir(installed) else f"{os.path.dirname(_PACKAGE)}/policies"


def names() -> tuple[str, ...]:
    """Return the names of all laws that come with saferun."""
    listed = (name for name in os.listdir(directory()) if name.endswith(SUFFIX))
    return tuple(sorted(name.removesuffix(SUFFIX) for name in listed))


def path(name: str) -> str | None:
    """Return the file of a law, None when there is none of that name.

    A name is only letters: whatever else was meant is a path.
    """
    if not (name.isascii() and name.isalpha()):
        return None
    found = f"{directory()}/{name}{SUFFIX}"
    return found if os.path.isfile(found) else None


def called(file: str) -> str:
    """Return what a policy file is called: a law of ours by its name, any other by its path."""
    name = file.rpartition("/")[2].removesuffix(SUFFIX)
    return name if path(name) == file else file
