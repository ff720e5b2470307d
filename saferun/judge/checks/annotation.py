"""annotation: what the OCI runtime and its hooks are told."""

from __future__ import annotations

from saferun.judge.control import Case, Control
from saferun.judge.listed import unlisted
from saferun.judge.values import settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from saferun.judge.decision import Violation
    from saferun.judge.policy import Law
    from saferun.judge.spec import ContainerSpec


def check(spec: ContainerSpec, law: Law) -> Iterator[Violation]:
    """Refuse every annotation that the law does not name."""
    # Only the name is shown: what the value says may not be for every log.
    asked = ((f"--annotation={name}", (name, value)) for name, value in spec.annotations)
    hint = 'leave it out; to allow it, a policy has to name it, as "NAME" or "NAME=VALUE"'
    return unlisted(
        law, "annotation", asked, lambda item, one: settings.covers(item, one, "="), hint=hint
    )


CONTROL = Control(
    "annotation",
    "Every annotation must be one that the list names, as `NAME` or `NAME=VALUE`, where `*` stands "
    "for any text. The engine hands annotations to the runtime and its hooks, some of which take "
    "orders from them: crun's `run.oci.…`, Kata's `io.katacontainers.…`.",
    ("OCI runtime-spec: annotations", "crun(1): run.oci annotations"),
    check,
    (
        # Engines before API 1.43 know no annotations.
        Case("[limits]\nannotation = []", "busybox"),
        Case('[limits]\nannotation = ["com.example.*"]', "--annotation com.example.team=a busybox"),
    ),
    (
        Case("[limits]\nannotation = []", "--annotation run.oci.keep_original_groups=1 busybox"),
        Case('[limits]\nannotation = ["team=a*"]', "--annotation team=b busybox"),
    ),
)
