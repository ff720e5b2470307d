"""RunCommand to ContainerSpec: what the engine will make of a docker run command line."""

from __future__ import annotations

from saferun.formats.docker_run.mounts import sources, targets
from saferun.judge.capabilities import canonical
from saferun.judge.spec import ContainerSpec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from saferun.formats.docker_run.command import RunCommand
    from saferun.formats.engine_api import ImageFacts


def user(command: RunCommand, image: ImageFacts) -> str:
    """Return the user that the engine would record: the last `-u`, the image's if it is empty."""
    return command.last("user") or image.user


def to_spec(
    command: RunCommand,
    image: ImageFacts,
    uid: int | None,
    inherited: tuple[str | None, ...] = (),
) -> ContainerSpec:
    """Return what is asked for.

    `uid` is who the user turned out to be, None for unknown; `inherited` are the mount targets
    that come from other containers (--volumes-from).
    """
    return ContainerSpec(
        user=user(command, image),
        uid=uid,
        cap_add=tuple(canonical(name) for name in command.all("cap-add")),
        cap_drop=tuple(canonical(name) for name in command.all("cap-drop")),
        privileged=command.is_true("privileged"),
        security_opt=command.all("security-opt"),
        read_only=None if command.last("read-only") is None else command.is_true("read-only"),
        mount_targets=(*targets(command), *inherited),
        mount_sources=sources(command),
        verify=dict(command.own).get("verify", "on"),
    )
