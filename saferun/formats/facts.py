"""What has to be known of the world before a container can be judged.

Only what the law speaks of is ever asked for (`saferun.facts`); what was not asked for, or could
not be found out, is not here, and permits nothing.
"""

from __future__ import annotations

from saferun.judge.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from saferun.formats.engine_api import (
        ContainerFacts,
        EngineFacts,
        ImageFacts,
        NetworkFacts,
        VolumeFacts,
    )


class Facts(Record):
    """What is known.

    `uid`, `gid` and `groups` are who the container's user is for the kernel, None where that could
    not be found out. `containers`, `volumes`, `networks` and `images` (those that are mounted) are
    the engine's by the name they were asked for, None for one that does not exist; `engine` what it
    says of itself. `paths` are host
    paths and what they are without symbolic links; `local` tells whether the engine's files are
    those of this machine. `sockets` are paths of container engines' sockets. `profiles` are seccomp
    profiles by path: the hash of their content as `sha256:…`.
    """

    image: ImageFacts
    uid: int | None = None
    gid: int | None = None
    groups: tuple[int | None, ...] = ()
    containers: Mapping[str, ContainerFacts | None] = {}
    volumes: Mapping[str, VolumeFacts | None] = {}
    networks: Mapping[str, NetworkFacts | None] = {}
    images: Mapping[str, ImageFacts | None] = {}
    engine: EngineFacts | None = None
    paths: Mapping[str, str] = {}
    local: bool = False
    sockets: tuple[str, ...] = ()
    profiles: Mapping[str, str] = {}
    directory: str = "/"
