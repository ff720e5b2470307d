"""Who the container's user will be: uid, gid and further groups."""

from __future__ import annotations

from saferun.formats import container_user
from saferun.formats.docker_run import spec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from saferun.formats.docker_run.command import RunCommand
    from saferun.formats.facts import Facts
    from saferun.judge.spec import Mount
    from saferun.world import World


def who(  # noqa: PLR0913 - all that it depends on
    command: RunCommand,
    facts: Facts,
    mounted: tuple[Mount, ...],
    keys: frozenset[str],
    world: World,
    version: str,
) -> Facts:
    """Return the facts with who the user is for the kernel, None where that cannot be told.

    A name is looked up in the image's own files, once for each image id: the id is a hash of the
    content, so the answer cannot change. A mount that may cover them makes that useless.
    """
    user = spec.user(command, facts.image)
    names = container_user.number(container_user.user_part(user)) is None
    passwd = group = None
    if names or "group" in keys:
        passwd = _file(container_user.PASSWD, facts, mounted, world, version)
    added = command.all("group-add") if "group-add" in keys else ()
    if added or (container_user.group_part(user) and "group" in keys):
        group = _file(container_user.GROUP, facts, mounted, world, version)
    return facts.replace(
        uid=container_user.uid(user, passwd),
        gid=container_user.gid(user, passwd, group),
        groups=tuple(container_user.additional_gid(value, group) for value in added),
    )


def _file(
    path: str, facts: Facts, mounted: tuple[Mount, ...], world: World, version: str
) -> bytes | None:
    # An image that is not there, and has no id, has no files either.
    if not facts.image.id or container_user.may_cover(
        path, tuple(mount.target for mount in mounted)
    ):
        return None
    key = f"{path.rpartition('/')[2]}-{facts.image.id.replace(':', '-')}"
    content = world.cache.recall(key)
    if content is None:
        # Imported here because it brings the docker SDK, and only names need it.
        from saferun.host import image_files

        (content,) = image_files.read(world.engine.endpoint, version, facts.image.id, (path,))
        if content is not None:
            world.cache.remember(key, content)
    return content
