"""Images: `[REGISTRY/]REPOSITORY[:TAG][@DIGEST]`, or the image's id as `sha256:…`.

References are normalised as docker does (distribution/reference): `busybox` is
`docker.io/library/busybox`. `*` stands for any part of one name between two slashes, `**` for any
number of names. Without a tag and a digest a pattern covers all of a repository's.
"""

from __future__ import annotations

from saferun.judge.values import globs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from saferun.judge.rules import Image

#: The registry and the namespace of names that say neither.
REGISTRY, NAMESPACE = "docker.io", "library"
#: What names are made of, and slashes between them.
PLAIN = "abcdefghijklmnopqrstuvwxyz0123456789._-/"
#: Hexadecimal digits of a SHA-256.
DIGITS = 64


def split(reference: str) -> tuple[str, str, str]:
    """Return the normalised repository, the tag and the digest; empty for what is not said."""
    rest, _, digest = reference.partition("@")
    head, slash, last = rest.rpartition("/")
    name, _, tag = last.partition(":")
    repository = f"{head}{slash}{name}"
    first, slash, _ = repository.partition("/")
    if first == "index.docker.io" and slash:
        repository = REGISTRY + repository[len(first) :]
    elif repository == "**":
        pass
    elif not slash:
        repository = f"{REGISTRY}/{NAMESPACE}/{repository}"
    elif not (first in ("localhost", "*", "**") or "." in first or ":" in first):
        # Upper case would make it a registry too; then nothing else fits it, and nothing matches.
        repository = f"{REGISTRY}/{repository}"
    if repository.startswith(REGISTRY + "/") and repository.count("/") == 1 and name != "**":
        repository = f"{REGISTRY}/{NAMESPACE}/{name}"
    return repository, tag, digest


def problem(item: str) -> str:
    """Return what an image pattern must be, or nothing when it is that."""
    # Most are nothing but names, and there may be a thousand of them.
    if not item.strip(PLAIN) and item[:1] not in ("", "/") and item[-1] != "/" and "//" not in item:
        return ""
    if item.startswith("sha256:"):
        return "" if _is_digest(item) else f"an image id: sha256: and {DIGITS} hexadecimal digits"
    repository, tag, digest = split(item)
    wrong = globs.problem(repository, "/") or (globs.problem(tag) if tag else "")
    if wrong or not item or "//" in item or item.endswith(("/", ":", "@")) or item.startswith("/"):
        return wrong or 'an image such as "registry.example.com/team/*:1.2"'
    if "@" in item and not _is_digest(digest):
        return f"an image whose digest is sha256: and {DIGITS} hexadecimal digits"
    return ""


def covers(pattern: str, image: Image) -> bool:
    """Tell whether a pattern matches an image, by a name that it is known by, digest or id."""
    if pattern.startswith("sha256:"):
        return pattern == image.id or pattern in image.digests
    if not image.names:
        return False
    repository, tag, digest = split(pattern)
    if digest and digest not in (image.id, *image.digests):
        return False
    return any(
        globs.covers(repository, name, "/")
        and (not tag or (bool(asked_tag) and globs.matches(tag, asked_tag)))
        for name, asked_tag in image.names
    )


def _is_digest(text: str) -> bool:
    algorithm, _, digits = text.partition(":")
    return (
        algorithm == "sha256" and len(digits) == DIGITS and set(digits) <= set("0123456789abcdef")
    )
