"""--report: one JSON document about one run."""

from __future__ import annotations

import json
import os

from saferun.errors import SaferunError
from saferun.formats import report
from saferun.judge.verify import Verdict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from saferun.run import Judged, Prepared
    from saferun.world import World

#: What can be said about a foreground container before it starts: saferun will not be there to see.
FOREGROUND = Verdict(
    "unverified",
    ("in the foreground saferun becomes docker; the gate checks inside, before the command starts",),
)


def write_if_asked(
    judged: Judged, prepared: Prepared, world: World, verdict: Verdict, container: str = ""
) -> None:
    """Write the document where --report says; raises SaferunError when that is impossible."""
    path = dict(judged.command.own).get("report")
    if path is None:
        return
    told = report.document(
        judged.spec,
        judged.decision,
        judged.defaults,
        (world.docker, "run", *prepared.arguments),
    )
    told["image"] = {"asked": judged.command.image, "id": judged.image.id}
    told["gate"] = prepared.gated
    told["container"] = container
    told["verdict"] = report.verdict_document(verdict)
    text = json.dumps(told, indent=2) + "\n"
    try:
        # Only its owner may read it: it holds the whole command line.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except OSError as error:
        message = f"cannot write the report {path}: {(error.strerror or str(error)).lower()}"
        raise SaferunError(message) from error
