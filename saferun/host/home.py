"""Whose files these are: the home directory, found as the docker CLI finds it."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


def directory(environ: Mapping[str, str]) -> str:
    """Return the home directory without a slash at its end, or nothing when there is none.

    What is no absolute path counts as unset: then the password database is asked.
    """
    home = environ.get("HOME", "")
    if not home.startswith("/"):
        import os  # both modules of their own, and HOME is nearly always set
        import pwd

        try:
            home = pwd.getpwuid(os.getuid()).pw_dir
        except KeyError:
            return ""
    return home.rstrip("/")


def docker_configuration(environ: Mapping[str, str]) -> str:
    """Return the directory of the docker CLI's configuration (docker/cli cli/config)."""
    return environ.get("DOCKER_CONFIG") or f"{directory(environ)}/.docker"
