"""--report: one JSON document about one run."""

from __future__ import annotations

import json
import os

from saferun.errors import SaferunError
from saferun.formats import report
from saferun.judge.verify import Verdict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from saferun.judged import Judged, Prepared

#: What can be said about a foreground container before it starts: saferun will not be there to see.
FOREGROUND = Verdict(
    "unverified",
    ("in the foreground saferun becomes docker; the gate checks before the command starts",),
)


class Receipt:
    """The document that --report asks for; its file is opened before anything is started."""

    def __init__(self, path: str) -> None:
        """Open the file; raises SaferunError when that is impossible."""
        self._path = path
        try:
            # A new one is for its owner only: it holds the whole command line.
            flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC
            self._descriptor = os.open(path, flags, 0o600)
        except OSError as error:
            raise self._impossible(error) from error

    def write(
        self,
        judged: Judged,
        prepared: Prepared | None,
        docker: str,
        verdict: Verdict | None = None,
        container: str = "",
    ) -> None:
        """Write the document; raises SaferunError when that is impossible.

        `prepared` is None when nothing was started.
        """
        argv = (docker, "run", *prepared.arguments) if prepared else ()
        told = {
            **report.document(judged.spec, judged.decision, judged.defaults, judged.notices, argv),
            "image": {"asked": judged.command.image, "id": judged.facts.image.id},
            "gate": bool(prepared and prepared.gated),
            "container": container,
            "verdict": report.verdict_document(verdict) if verdict else None,
        }
        text = json.dumps(told, indent=2) + "\n"
        try:
            if os.path.isfile(self._path):
                os.ftruncate(self._descriptor, 0)
            with os.fdopen(self._descriptor, "wb") as file:
                file.write(text.encode("utf-8", "backslashreplace"))
        except OSError as error:
            raise self._impossible(error) from error

    def _impossible(self, error: OSError) -> SaferunError:
        why = (error.strerror or str(error)).lower()
        return SaferunError(f"cannot write the report {self._path}: {why}")
