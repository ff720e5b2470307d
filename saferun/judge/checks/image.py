"""image: which images may run."""

from __future__ import annotations

from saferun.judge.control import Case, Control
from saferun.judge.decision import Violation
from saferun.judge.listed import unlisted
from saferun.judge.values import images

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from saferun.judge.control import Finding
    from saferun.judge.policy import Law
    from saferun.judge.spec import ContainerSpec


def check(spec: ContainerSpec, law: Law) -> Iterator[Finding]:
    """Refuse images that the list does not name, or that are not pinned where that is required."""
    known = [f"{name}:{tag}" if tag else name for name, tag in spec.image.names]
    shown = f"the image {' '.join(known) or spec.image.id or 'that cannot be told'}"
    asked = ((shown, spec.image), *spec.mounted_images)
    yield from unlisted(law, "image", asked, images.covers)
    for statement in law.required("image"):
        for demand in statement.names:
            met = spec.pinned or (demand == "not-latest" and spec.tag != "latest")
            if not met:
                what = "a digest" if demand == "digest" else "a tag other than latest, or a digest"
                hint = "name it as REPOSITORY@sha256:…, see docker image ls --digests"
                yield Violation(
                    "image", f"{shown} must be named with {what}", "", (statement.origin,), hint
                )


CONTROL = Control(
    "image",
    "The image must be one that the list names: by its normalised reference, which the "
    "engine must have it under, by a digest, or by its id. `[require] image` asks for a "
    "digest (`digest`), or for a tag that is not `latest` (`not-latest`). An image that "
    "the list does not name is not pulled either, and one that it does name runs by its "
    "id, so that a tag cannot move in between. Images whose files are mounted must be named "
    "by the list as well.",
    (
        "CIS Docker Benchmark 5.28",
        "OWASP Docker Security Cheat Sheet, rule 13",
        "distribution/reference: normalisation",
    ),
    check,
    (
        Case('[limits]\nimage = ["busybox"]', "busybox"),
        Case('[require]\nimage = ["not-latest"]', "healthy:1"),
        Case('[limits]\nimage = ["busybox"]', "--mount type=image,src=busybox,dst=/x busybox"),
    ),
    (
        Case('[limits]\nimage = ["registry.example.com/**"]', "busybox"),
        Case('[require]\nimage = ["not-latest"]', "busybox"),
        Case('[require]\nimage = ["digest"]', "busybox"),
        Case('[require]\nimage = ["digest"]', "healthy:1"),
        Case('[limits]\nimage = ["busybox"]', "--mount type=image,src=healthy:1,dst=/x busybox"),
    ),
)
