"""Image references: what a name on the command line is known to stand for.

A name counts only when the engine has the image under it: the text alone could also be the
beginning of some image's id, for which engines look as well.
"""

from __future__ import annotations

from saferun.judge.rules import Image
from saferun.judge.values.images import split

TYPE_CHECKING = False
if TYPE_CHECKING:
    from saferun.formats.engine_api import ImageFacts

#: The tag of a reference that names none.
LATEST = "latest"


def asked(reference: str) -> Image:
    """Return what a reference would stand for once it is pulled."""
    repository, tag, digest = split(reference)
    return Image(
        ((repository, "" if digest else tag or LATEST),), digests=(digest,) if digest else ()
    )


def names(reference: str, image: ImageFacts) -> Image:
    """Return what the engine's image is known by, as far as the reference asked for it."""
    repository, tag, digest = split(reference)
    of_digests = {split(one) for one in image.digests}
    known: tuple[tuple[str, str], ...] = ()
    if digest:
        if any((repository, digest) == (found, its) for found, _, its in of_digests):
            known = ((repository, ""),)
    elif any((repository, tag or LATEST) == split(one)[:2] for one in image.tags):
        known = ((repository, tag or LATEST),)
    return Image(known, image.id, tuple(sorted({its for _, _, its in of_digests})))


def tag_of(reference: str, image: Image) -> str:
    """Return the tag that was asked for; nothing for a digest or an id, which cannot move."""
    _, tag, digest = split(reference)
    return "" if digest or not image.names else tag or LATEST
