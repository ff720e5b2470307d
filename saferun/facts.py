"""What has to be known before judging: the image, its user's uid, mounts of other containers."""

from __future__ import annotations

from saferun.errors import EngineError, ImageError
from saferun.formats import container_user, engine_api
from saferun.formats.docker_run import spec
from saferun.formats.docker_run.mounts import targets
from saferun.host.engine import MISSING, OK, segment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from saferun.formats.docker_run.command import RunCommand
    from saferun.formats.engine_api import ImageFacts
    from saferun.host.engine import Answer, Engine
    from saferun.world import World

#: Since this API version an engine can be asked for one platform of an image (moby 28.1).
PLATFORM_API = (1, 49)
#: What users may write for Go's names (containerd platforms.Normalize).
ARCHITECTURES = {"x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64"}


def image_path(reference: str) -> str:
    """Return the path to ask for an image; raises ImageError for what can be no reference."""
    if not reference or any(part in ("", ".", "..") for part in reference.split("/")):
        message = f"invalid reference format: {reference!r} names no image"
        raise ImageError(message)
    return f"/images/{segment(reference)}/json"


def image(answer: Answer, reference: str) -> ImageFacts | None:
    """Read the engine's answer about an image; None when there is no such image."""
    if answer.status == MISSING:
        return None
    if answer.status != OK:
        raise ImageError(f"image {reference}: {engine_api.error_message(answer.body)}")
    try:
        return engine_api.image_facts(answer.body)
    except ValueError as error:
        message = f"image {reference}: the engine's answer makes no sense: {error}"
        raise ImageError(message) from error


def for_platform(
    found: ImageFacts | None, platform: str, reference: str, answer: Answer, engine: Engine
) -> ImageFacts | None:
    """Return the image's facts for a wanted platform (`os[/arch[/variant]]`), None if missing.

    An engine's answer is about one platform; newer ones hold several and can be asked for another.
    """
    if not platform or found is None or _is_for(found, platform):
        return found
    if api_version(answer) < PLATFORM_API:
        return None
    import json  # only for images of several platforms

    system, architecture, variant = _parts(platform)
    wanted = {"os": system, "architecture": architecture, "variant": variant}
    query = segment(json.dumps({key: value for key, value in wanted.items() if value}))
    (again,) = engine.get(f"{image_path(reference)}?platform={query}")
    other = image(again, reference)
    return other if other is not None and _is_for(other, platform) else None


def api_version(answer: Answer) -> tuple[int, ...]:
    """Return the engine's API version, which it names in every answer."""
    return tuple(int(part) for part in api_version_text(answer).split("."))


def api_version_text(answer: Answer) -> str:
    """Return the engine's API version as text such as `1.41`; raises EngineError without one."""
    version = answer.headers.get("api-version", "")
    if not all(part.isdigit() for part in version.split(".")):
        message = f"the engine does not tell its API version: {version!r}"
        raise EngineError(message)
    return version


def inherited_targets(command: RunCommand, engine: Engine, gate_volume: str) -> tuple[str, ...]:
    """Return where --volumes-from would mount things; raises ImageError for a missing container.

    The gate's own volume, which every container started by saferun has, does not count: ours is
    mounted after it and over it.
    """
    names = [value.partition(":")[0] for value in command.all("volumes-from")]
    if not names:
        return ()
    answers = engine.get(*(f"/containers/{segment(name)}/json" for name in names))
    found: list[str] = []
    for name, answer in zip(names, answers, strict=True):
        if answer.status != OK:
            raise ImageError(f"--volumes-from {name}: {engine_api.error_message(answer.body)}")
        found += (
            target for target, volume in engine_api.mounts(answer.body) if volume != gate_volume
        )
    return tuple(found)


def uid(
    command: RunCommand,
    found: ImageFacts,
    inherited: tuple[str, ...],
    world: World,
    version: str,
) -> int | None:
    """Return who the container's user will be, or None when that cannot be told beforehand.

    A name is looked up in the image's own passwd, once for each image id: the id is a hash of the
    content, so the answer cannot change.
    """
    name = container_user.user_part(spec.user(command, found))
    number = container_user.number(name)
    if number is not None:
        return number
    if container_user.may_cover_passwd((*targets(command), *inherited)):
        return None
    key = f"passwd-{found.id.replace(':', '-')}"
    passwd = world.cache.recall(key)
    if passwd is None:
        # Imported here because it brings the docker SDK, and only names need it.
        from saferun.host import image_passwd

        passwd = (
            image_passwd.read(world.engine.endpoint, version, found.id, container_user.PASSWD)
            or b""
        )
        world.cache.remember(key, passwd)
    return container_user.look_up(name, passwd)


def _parts(platform: str) -> tuple[str, str, str]:
    parts = platform.lower().split("/")
    if len(parts) == 1 and parts[0] not in ("linux", "windows", "freebsd"):
        parts = ["", *parts]
    system, architecture, variant, *_ = (*parts, "", "", "")
    return system, ARCHITECTURES.get(architecture, architecture), variant


def _is_for(found: ImageFacts, platform: str) -> bool:
    system, architecture, variant = _parts(platform)
    return (
        system in ("", found.os)
        and architecture in ("", found.architecture)
        and (not variant or not found.variant or variant == found.variant)
    )
