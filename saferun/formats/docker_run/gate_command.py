"""The command line of the gate: what runs first in every container that saferun starts.

The gate is the entrypoint; its arguments are the masks, what else is required, and then the words
that the engine would have run, composed from image and command line as the engine composes them
(moby daemon/commit.go merge, daemon/create.go mergeAndVerifyConfig).
"""

from __future__ import annotations

from saferun.judge.checks.gate_mount import DIRECTORY, VOLUMES
from saferun.judge.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from saferun.formats.docker_run.command import RunCommand
    from saferun.formats.engine_api import ImageFacts, VolumeFacts
    from saferun.judge.decision import Masks

#: The label that makes a volume ours; its value is the digest of the gates in it.
LABEL = "saferun.gate"
#: The signal that lets a gate go which holds at the door, and the one that it blocks meanwhile, so
#: that it can be seen to do so (gate.c).
RELEASE, AT_THE_DOOR = 46, 47
#: How many digits of the digest name the volume: enough to tell two versions apart.
SHORT = 12


class Gate(Record):
    """The gates that this saferun carries: a digest over all, and Go's names of their targets.

    `podman`: the engine that they are for is Podman, whose CLI knows less of --mount.
    """

    digest: str
    architectures: tuple[str, ...]
    podman: bool = False

    @property
    def volume(self) -> str:
        """The name of the volume that delivers them."""
        return f"{VOLUMES}{self.digest[:SHORT]}"

    def mount(self, place: str) -> str:
        """Return the value of --mount that brings the volume into a container at a place.

        With the label, so that an engine which has to make the volume, because it was pruned a
        moment ago, makes one that saferun will recognise and fill.
        """
        mount = f"type=volume,src={self.volume},dst={place},readonly=true"
        if self.podman:
            return mount
        return f"{mount},volume-nocopy=true,volume-label={LABEL}={self.digest}"

    def owns(self, volume: VolumeFacts) -> bool:
        """Tell whether a volume of that name is ours: a plain local one with our label."""
        return (
            volume.driver == "local"
            and not volume.options
            and (LABEL, self.digest) in volume.labels
        )

    def serves(self, image: ImageFacts) -> bool:
        """Tell whether there is a gate that an image's system and architecture can execute."""
        return image.os == "linux" and image.architecture in self.architectures


def composed(command: RunCommand, image: ImageFacts) -> tuple[str, ...]:
    """Return the words that the engine would execute; none when there is no command at all."""
    given = command.last("entrypoint")
    if given is None:
        entrypoint, rest = image.entrypoint, command.args or image.cmd
    else:
        entrypoint, rest = (given,), command.args
    # An entrypoint of one empty word resets the image's.
    return rest if entrypoint == ("",) else (*entrypoint, *rest)


def place_of(secret: str) -> str:
    """Return the directory in the container where the gate is mounted this time.

    Engines follow an image's links when they mount, so a volume of the image or of the user could
    be led to a path that is known beforehand, and cover it. Nobody knows `secret` beforehand.
    """
    return f"{DIRECTORY}/{secret}"


def through_gate(  # noqa: PLR0913 - all that the gate is told
    command: RunCommand,
    image: ImageFacts,
    gate: Gate,
    place: str,
    masks: Masks,
    deadline: int = 0,
) -> RunCommand:
    """Return the command line that runs the same words behind the gate at `place`.

    `deadline`, in seconds since 1970, is until when it holds at the door; 0: not at all.
    """
    words = composed(command, image)
    required = [
        *(["nnp"] if masks.no_new_privileges else []),
        # In the background its reason does not reach anybody by docker's own stderr.
        *(["linger"] if command.is_true("detach") else []),
        *([f"hold={deadline}"] if deadline else []),
    ]
    return (
        command.without("entrypoint")
        .with_option("mount", gate.mount(place))
        .with_option("entrypoint", f"{place}/gate-{image.architecture}")
        .replace(
            args=(
                f"{masks.root:016x}",
                f"{masks.other:016x}",
                ",".join(required) or "-",
                "--",
                *words,
            )
        )
    )
