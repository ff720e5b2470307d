"""Door: an image and a docker run line, and what would go wrong with them, or be regained.

Nothing of the image is ever executed: the engine exports the files of a container that is made for
it, never started and removed again.
"""

from __future__ import annotations

import os

from saferun import asking, delivery, facts, laws, pulling
from saferun.errors import ImageError
from saferun.formats import container_user, image_archive, image_reference
from saferun.formats.docker_run import discharge, spec
from saferun.formats.docker_run.gate_command import composed
from saferun.host import engine_files
from saferun.judge.capabilities import granted
from saferun.judge.evaluate import evaluate
from saferun.judge.execution import File, started
from saferun.judge.inspection import Finding, Run, inspect
from saferun.judge.record import Record
from saferun.judged import judge, with_early_defaults

TYPE_CHECKING = False
if TYPE_CHECKING:
    from saferun.formats.docker_run.command import RunCommand
    from saferun.judge.file_tree import Tree
    from saferun.judge.policy import Layer
    from saferun.judge.spec import ContainerSpec
    from saferun.judged import Judged
    from saferun.pulling import Look
    from saferun.world import World

#: The engine's, where the image has none (moby container.CreateDaemonEnvironment).
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#: Below it only whoever holds NET_BIND_SERVICE may listen (ip(7) ip_unprivileged_port_start).
UNPRIVILEGED_PORT = 1024


class Inspection(Record):
    """What was asked about, how it was judged, and what is predicted for it.

    `run` and `findings` are there only if it would run at all. `allowed` are those capabilities of
    the findings' needs that the policy in force would let be asked for.
    """

    judged: Judged
    run: Run | None = None
    findings: tuple[Finding, ...] = ()
    allowed: frozenset[str] = frozenset()


def inspect_image(command: RunCommand, world: World) -> Inspection:
    """Predict what a docker run line would come to under the policy in force.

    Raises SaferunError when the image is not there, or cannot be read or understood as a whole.
    """
    layers = laws.load(command, world.environ)
    gate = delivery.gate()
    command, early = with_early_defaults(command, layers)
    look = pulling.look(command.without("pull"), gate, world)
    if look is None:
        message = f"no such image: {command.image}"
        raise ImageError(message, "inspect pulls nothing: pull it first")
    names = image_reference.names(command.image, look.image)
    layers = asking.layers_for(names, layers, world.environ)
    known = facts.gather(command, look, layers, gate.volume, world)
    judged = judge(command, known, early, layers)
    if not judged.decision.allowed:
        return Inspection(judged)
    files = _files(look, world)
    met = discharge.discharge(judged.command, judged.decision.obligations)
    asked = spec.to_spec(met, known)
    run = _run(judged, asked, files, world)
    if run is None:
        unknown = Finding("cannot tell", "", f"who the user {asked.user} is in this container")
        return Inspection(judged, None, (unknown,))
    findings = inspect(files, run)
    return Inspection(judged, run, findings, _allowed(judged, findings, layers))


def _files(look: Look, world: World) -> Tree:
    """Return the image's files, remembered by its id: that is a hash of all of them."""
    key = f"files-{look.image.id.replace(':', '-')}"
    kept = world.cache.recall(key)
    tree = None if kept is None else image_archive.recalled(kept)
    if tree is None:
        from saferun.host import image_files  # it brings the docker SDK

        image = look.image.id
        with image_files.exported(world.engine.endpoint, look.version, image) as chunks:
            try:
                tree = image_archive.tree(chunks)
            except ValueError as error:
                message = f"the files of {image} cannot be read as the engine exports them: {error}"
                raise ImageError(message) from error
        world.cache.remember(key, image_archive.remembered(tree))
    return tree


def _run(judged: Judged, asked: ContainerSpec, files: Tree, world: World) -> Run | None:
    """Return how the image would be run; None when it cannot be told as whom."""
    command, image = judged.command, judged.facts.image
    targets = tuple(mount.target for mount in asked.mounts)
    gid = asked.gid
    if not container_user.may_cover(container_user.PASSWD, targets):
        gid = container_user.gid(asked.user, files.passwd, files.group)
    if asked.uid is None or gid is None:
        return None
    groups = container_user.memberships(asked.user, files.passwd, files.group)
    added = (container_user.additional_gid(one, files.group) for one in command.all("group-add"))
    process = started(
        asked.uid,
        gid,
        groups | {one for one in added if one is not None},
        granted(asked.cap_add, asked.cap_drop, privileged=asked.privileged),
        no_new_privileges="no-new-privileges=true" in asked.security_opt,
    )
    return Run(
        process,
        composed(command, image),
        _path(command, image.env, world),
        command.last("workdir") or image.working_dir or "/",
        targets,
        _binds(asked, world),
        _ports(image.exposed) if "host" in asked.networks else (),
    )


def _path(command: RunCommand, of_image: tuple[str, ...], world: World) -> str | None:
    """Return the container's PATH; None when a file decides it."""
    path = DEFAULT_PATH
    for word in of_image:
        path = word.removeprefix("PATH=") if word.startswith("PATH=") else path
    given = [word for word in command.all("env") if word.partition("=")[0] == "PATH"]
    if given:
        # Without a value it is the caller's.
        return given[-1][5:] if "=" in given[-1] else world.environ.get("PATH", path)
    return None if command.all("env-file") else path


def _binds(asked: ContainerSpec, world: World) -> tuple[tuple[str, File], ...]:
    """Return owner and mode of what is mounted from the host to be written to, where it is here."""
    binds = [one for one in asked.mounts if one.kind == "bind" and not one.read_only and one.target]
    host = engine_files.of(world.engine.endpoint) if binds and asked.uid == 0 else None
    found = []
    for mount in binds if host is not None else ():
        place = host.real(mount.source) if host is not None else None
        if place is None:
            continue  # where it leads cannot be told from here
        try:
            its = os.stat(place)
        except OSError:
            continue  # the engine makes it, as root's
        file = File("directory", its.st_mode & 0o7777, its.st_uid, its.st_gid)
        found.append((mount.target or "", file))
    return tuple(found)


def _ports(exposed: tuple[str, ...]) -> tuple[str, ...]:
    ports = (port for port in exposed if port.partition("/")[0].isdigit())
    return tuple(one for one in ports if int(one.partition("/")[0]) < UNPRIVILEGED_PORT)


def _allowed(
    judged: Judged, findings: tuple[Finding, ...], layers: tuple[Layer, ...]
) -> frozenset[str]:
    return frozenset(
        name
        for name in {one for finding in findings for one in finding.needs}
        if evaluate(
            spec.to_spec(judged.command.with_option("cap-add", name), judged.facts), layers
        ).allowed
    )
