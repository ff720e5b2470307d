"""The image that is asked for, as the engine has it."""

from __future__ import annotations

from saferun.errors import EngineError, ImageError
from saferun.formats import engine_api
from saferun.host.engine import MISSING, OK, segment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from saferun.formats.engine_api import ImageFacts
    from saferun.host.engine import Answer, Engine

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


def is_podman(answer: Answer) -> bool:
    """Tell whether the engine is Podman's service, which says so in every answer."""
    return "libpod-api-version" in answer.headers


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
