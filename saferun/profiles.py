"""A seccomp profile that was judged is the one that docker gets, whatever becomes of its file."""

from __future__ import annotations

from saferun.errors import SaferunError
from saferun.formats import seccomp_profile
from saferun.host import sealed_copy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from saferun.formats.docker_run.command import RunCommand
    from saferun.formats.facts import Facts


def pinned(command: RunCommand, facts: Facts) -> tuple[RunCommand, Facts]:
    """Return the command with sealed copies of its judged profiles, and the facts about these.

    Raises SaferunError when a profile is not what it was when it was judged.
    """
    options: list[tuple[str, str]] = []
    profiles = dict(facts.profiles)
    for name, value in command.options:
        key, separator, path = value.partition("=" if "=" in value else ":")
        if name == "security-opt" and key == "seccomp" and path in facts.profiles:
            copy = _copy(path, facts.profiles[path])
            profiles[copy] = facts.profiles[path]
            options.append((name, f"{key}{separator}{copy}"))
        else:
            options.append((name, value))
    return command.replace(options=tuple(options)), facts.replace(profiles=profiles)


def _copy(path: str, identity: str) -> str:
    content = sealed_copy.read(path)
    if content is None or seccomp_profile.identity(content) != identity:
        message = f"the seccomp profile {path} was changed while it was judged"
        raise SaferunError(message)
    try:
        return sealed_copy.keep("seccomp", content)
    except OSError as error:
        message = f"the seccomp profile {path} cannot be kept: {(error.strerror or '').lower()}"
        raise SaferunError(message) from error
