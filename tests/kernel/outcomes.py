"""What a run came to: what its process held, or that saferun refused to start it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.kernel.images import shown

if TYPE_CHECKING:
    from pathlib import Path

    from tests.kernel.conftest import Command, Ended
    from tests.kernel.images import Shown

#: Everything dropped, but for what a policy lets a command line add.
ALLOWLIST = 'schema = 1\n[nonroot.limits]\ncap-add = ["NET_BIND_SERVICE"]\n'
NET_BIND_SERVICE = 0x400


@dataclass(frozen=True)
class Grants:
    """What an engine gives by itself, and how it says so: Docker's ways, unless it is `podman`.

    `default`: the bounding set when nothing is said; `ambient`: whether a capability that a
    non-root user may add is in all five sets; `no_user`: the status for a user that is not there;
    `records_drop`: whether the record has --cap-drop=ALL as it was asked for; `warns_of_terminal`:
    whether the CLI says of -it that stdin is no terminal, also with -d.
    """

    podman: bool = False
    default: int = 0xA80425FB
    ambient: bool = False
    no_user: int = 125
    records_drop: bool = True
    warns_of_terminal: bool = False

    def added(self, mask: int) -> tuple[int, ...]:
        """The five rows of a non-root user's first program with these capabilities added."""
        return (mask,) * 5 if self.ambient else (0, 0, 0, mask, 0)


#: Podman leaves out NET_RAW, MKNOD and AUDIT_WRITE, and names it a status of its own.
PODMAN = Grants(
    podman=True,
    default=0x800405FB,
    ambient=True,
    no_user=126,
    records_drop=False,
    warns_of_terminal=True,
)


def moments(ended: Ended) -> list[Shown]:
    """What the attacker held at every moment of a run that went well."""
    assert (ended.status, ended.stderr) == (0, "")
    return shown(ended.stdout)


def five(moment: Shown) -> tuple[int, ...]:
    """The five rows, in the kernel's order."""
    return (
        moment.inheritable,
        moment.permitted,
        moment.effective,
        moment.bounding,
        moment.ambient,
    )


def holds_nothing(ended: Ended, uid: int = 3267) -> None:
    """Assert that the attacker ran as this user, and that all five sets were and stayed empty."""
    for moment in moments(ended):
        assert moment.uids == (uid,) * 4
        assert five(moment) == (0, 0, 0, 0, 0)


def same(one: Ended, other: Ended) -> None:
    """Assert that two runs cannot be told apart from outside."""
    assert one.stdout.splitlines() == other.stdout.splitlines()
    assert one == other


def refused(ended: Ended, *reasons: str) -> None:
    """Assert that saferun gave exactly these reasons, and says that nothing was started."""
    lines = ended.stderr.splitlines()
    said = [line for line in lines if line.startswith("saferun: denied: ")]
    assert said == [f"saferun: denied: {reason}" for reason in reasons]
    assert lines[-1] == "saferun: nothing was started"
    assert (ended.status, ended.stdout) == (125, "")


def failed(ended: Ended, message: str) -> None:
    """Assert that saferun could not do its work, why, and that it says nothing was started."""
    lines = ended.stderr.splitlines()
    assert lines[0].startswith(f"saferun: {message}")
    assert lines[-1] == "saferun: nothing was started"
    assert (ended.status, ended.stdout) == (125, "")


def etc(directory: Path, passwd: str) -> None:
    """Make a directory an /etc, with what the runtime mounts files over.

    Where the container's root is somebody else on the host, it could not make these itself.
    """
    (directory / "passwd").write_text(passwd)
    for name in ("hostname", "hosts", "resolv.conf"):
        (directory / name).touch()


def fresh_name() -> str:
    """Return a name for a container or an image that nobody else on the engine uses."""
    return f"saferun-test-{secrets.token_hex(6)}"


def never_started(docker: Command, name: str) -> None:
    """Assert that there is no container of this name."""
    gone(docker, name)


def gone(docker: Command, name: str) -> None:
    """Assert that a container is not there, or not any more."""
    found = docker("inspect", "--type=container", name)
    if found.status == 0:
        docker("rm", "--force", "--volumes", name)
    assert "no such container" in found.stderr.lower(), found.stdout
