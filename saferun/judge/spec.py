"""The container that is being asked about, in the engine's words, whichever door asks."""

from __future__ import annotations

from saferun.judge.record import Record


class ContainerSpec(Record):
    """What a container would be, as far as the law has something to say about it.

    `user` is what the engine would record in Config.User; `uid` is who that is for the kernel, or
    None when it could not be found out, which counts as "not root". Capability names are
    canonical. `mount_targets` are container paths; None stands for a target that could not be
    understood and may therefore be anywhere; `mount_sources` are host paths and names of volumes.
    `read_only` is None when nothing was said.
    `verify` is saferun's own: "on" or "off".
    """

    user: str = ""
    uid: int | None = 0
    cap_add: tuple[str, ...] = ()
    cap_drop: tuple[str, ...] = ()
    privileged: bool = False
    security_opt: tuple[str, ...] = ()
    read_only: bool | None = None
    mount_targets: tuple[str | None, ...] = ()
    mount_sources: tuple[str, ...] = ()
    verify: str = "on"

    @property
    def whom(self) -> str:
        """Which tables of the law apply: "root" only for a uid that is known to be 0."""
        return "root" if self.uid == 0 else "nonroot"
