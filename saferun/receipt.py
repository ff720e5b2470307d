"""Receipts: what one run was asked for, how it was decided, and what was seen of it.

`--report` asks for one, and the law may require that one is kept of every run. Every place is
opened before anything is started. What is slow to load is loaded while docker is at work.
"""

from __future__ import annotations

import os
import time

from saferun import __version__, holding
from saferun.errors import EngineError, SaferunError
from saferun.formats import engine_api, report
from saferun.formats.docker_run.command import to_argv
from saferun.host import caller, receipt_places
from saferun.host.engine import OK
from saferun.judge.policy import Law

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from saferun.evidence import Sighting
    from saferun.formats.docker_run.command import RunCommand
    from saferun.formats.docker_run.gate_command import Gate
    from saferun.judge.policy import Layer, Statement
    from saferun.judged import Judged, Prepared
    from saferun.world import World

#: Keys that matter to every run, whatever its words.
ALWAYS = frozenset(("cap-add", "cap-drop", "image", "privileged", "receipts", "user", "verify"))
#: How a process was seen, by how far the container had come.
SEEN = {"door": "at the door", "command": "running", "gate": "running"}


class Receipt:
    """The receipt of one run, and every place that it goes to."""

    def __init__(
        self, asked: RunCommand, judged: Judged, layers: tuple[Layer, ...], gate: Gate, world: World
    ) -> None:
        """Open every place; raises SaferunError when one of them cannot be opened."""
        self._asked = asked
        self._judged = judged
        self._layers = layers
        self._gate = gate
        self._world = world
        self._started = _now()
        self._prepared: Prepared | None = None
        self._engine: dict[str, str] | None = None
        self._policy: dict[str, Any] | None = None
        self._report = self._report_file(judged.own("report"))
        self._directories: dict[str, receipt_places.Directory] = {}
        self._services: dict[str, receipt_places.Syslog | receipt_places.Journal] = {}
        try:
            for statement in Law(layers, judged.spec.whom).required("receipts"):
                for place in statement.names:
                    self._open(place, statement)
        except SaferunError:
            self.discard()
            raise

    def begin(self, prepared: Prepared) -> None:
        """Keep what is known before the start; raises SaferunError when that is impossible."""
        self._prepared = prepared
        if not self._directories:
            return
        from saferun.formats import receipt_document

        pending = receipt_document.text(receipt_document.sealed(self._document(ended=False)))
        for place, directory in self._directories.items():
            try:
                directory.write(pending)
            except OSError as error:  # noqa: PERF203 - as a rule there is one
                self.discard()
                raise _impossible(f"keep the receipt in {place}", error) from error

    def discard(self) -> None:
        """Leave no receipt of a run that did not come to be."""
        for directory in self._directories.values():
            _tried("", directory.discard)

    def note(self, sighting: Sighting, container: str) -> None:
        """Keep what was seen of a run that goes on; what cannot be written is told at its end."""
        if not self._directories:
            return
        from saferun.formats import receipt_document

        document = self._document(sighting, container, ended=False)
        noted = receipt_document.text(receipt_document.sealed(document))
        for directory in self._directories.values():
            _tried("", lambda directory=directory: directory.write(noted))  # type: ignore[misc]

    def gather(self) -> None:
        """Find out what does not depend on how the run goes, while docker starts it."""
        self._policy = self._policy or self._law_files()

    def ask_engine(self) -> None:
        """Ask the engine who it is; where it does not say, that is not known.

        That takes it a while: not to be asked while a container holds at the door.
        """
        try:
            (answer,) = self._world.engine.get("/info")
            if answer.status == OK:
                about = engine_api.engine_identity(answer.body)
                self._engine = {**about, "api": answer.headers.get("api-version", "")}
        except (EngineError, ValueError):
            return

    def finish(
        self, sighting: Sighting | None = None, container: str = "", status: int | None = None
    ) -> list[str]:
        """Write the receipt everywhere; return what there is to say of where that failed.

        `status` is how docker ended, as waitpid gives it. The container runs, or ran, already: a
        receipt that cannot be written does not undo that.
        """
        from saferun.formats import receipt_document

        document = self._document(sighting, container, status)
        complaints = []
        if self._report is not None:
            path, file = self._report
            alone = receipt_document.text(receipt_document.sealed(document))
            complaints += _tried(f"write the report {path}", lambda: file.write(alone))
        for place, directory in self._directories.items():

            def keep(directory: receipt_places.Directory = directory) -> None:
                line = directory.append(lambda before: receipt_document.following(document, before))
                directory.write(receipt_document.text(receipt_document.read(line)))

            complaints += _tried(f"keep the receipt in {place}", keep)
        line = receipt_document.line(receipt_document.sealed(document))
        summary = self._summary(document).encode("ascii", "backslashreplace")
        for name, service in self._services.items():

            def send(service: receipt_places.Syslog | receipt_places.Journal = service) -> None:
                service.receipt(line, summary)

            complaints += _tried(f"send the receipt to {name}", send)
        return complaints

    def _report_file(self, path: str | None) -> tuple[str, receipt_places.File] | None:
        if path is None:
            return None
        try:
            return path, caller.opened(self._world.environ, lambda: receipt_places.File(path))
        except OSError as error:
            raise _impossible(f"write the report {path}", error) from error

    def _open(self, place: str, statement: Statement) -> None:
        try:
            if place == "syslog":
                self._services.setdefault(place, receipt_places.Syslog())
            elif place == "journald":
                self._services.setdefault(place, receipt_places.Journal())
            elif place not in self._directories:
                stamp = self._started.translate({ord("-"): None, ord(":"): None})
                name = f"{stamp}-{os.urandom(8).hex()}.json"
                self._directories[place] = receipt_places.Directory(place, name)
        except OSError as error:
            what = f"keep the receipt in {place}"
            raise _impossible(what, error, f"it is required by {statement.origin}") from error

    def _document(
        self,
        sighting: Sighting | None = None,
        container: str = "",
        status: int | None = None,
        *,
        ended: bool = True,
    ) -> dict[str, Any]:
        from saferun.formats import receipt_document

        judged, prepared = self._judged, self._prepared
        argv = (self._world.docker, "run", *prepared.arguments) if prepared else ()
        uid, _ = caller.ids()
        image = judged.facts.image
        return {
            **report.document(judged.spec, judged.decision, judged.defaults, judged.notices, argv),
            "schema": receipt_document.SCHEMA,
            "saferun": __version__,
            "started": self._started,
            "ended": _now() if ended else None,
            "caller": {"uid": uid},
            "asked": self._words(),
            "law": list(self._law()),
            "policy": self._policy or self._law_files(),
            "image": {
                "asked": self._asked.image,
                "id": image.id,
                "digests": list(image.digests),
            },
            "engine": self._about_engine(),
            "gate": (
                {"digest": f"sha256:{self._gate.digest}", "deadline": prepared.deadline or None}
                if prepared and prepared.gated
                else None
            ),
            "container": container,
            "verdict": self._verdict(sighting) if sighting is not None else None,
            "exit": _exit(status),
        }

    def _words(self) -> list[str]:
        own = (f"--{name}={value}" for name, value in self._asked.own)
        return report.shown(["saferun", *own, *to_argv(self._asked)])

    def _law(self) -> Iterable[dict[str, Any]]:
        """Yield every statement in force on what mattered, with its origin."""
        from saferun.formats import policy_words
        from saferun.judge.keys import table_of

        matter = ALWAYS.union(name for name, _ in self._judged.command.options)
        for layer, one in policy_words.standing(self._layers, self._judged.spec.whom):
            if one.key in matter:
                yield {
                    "table": table_of(one.verb, one.whom),  # type: ignore[arg-type]
                    "key": one.key,
                    "value": list(one.value) if isinstance(one.value, tuple) else one.value,
                    "layer": layer.name,
                    "source": one.origin.source,
                    "line": one.origin.line,
                }

    def _law_files(self) -> dict[str, Any]:
        from saferun.formats import receipt_document

        files = [(layer.name, path, data) for layer in self._layers for path, data in layer.sources]
        return {
            "digest": receipt_document.policy_digest((path, data) for _, path, data in files),
            "files": [
                {
                    "layer": layer,
                    "path": path,
                    "sha256": receipt_document.digest(data).partition(":")[2],
                }
                for layer, path, data in files
            ],
        }

    def _about_engine(self) -> dict[str, str] | None:
        if self._engine is None:
            return None
        runtime = self._judged.spec.runtime or self._engine["runtime"]
        return {**self._engine, "runtime": runtime}

    def _verdict(self, sighting: Sighting) -> dict[str, Any]:
        told = report.verdict_document(sighting.verdict)
        prepared = self._prepared
        if sighting.verdict.outcome == "unverified" and prepared and not prepared.deadline:
            why = holding.obstacle(self._judged, self._world)
            told["reasons"].append(why or "there was no gate to hold it at the door")
        seen = SEEN.get(sighting.stage) if sighting.verdict.evidence else None
        return {**told, "seen": seen}

    def _summary(self, document: dict[str, Any]) -> str:
        verdict = document["verdict"]
        outcome = f", {verdict['outcome']}" if verdict else ""
        what = document["container"][:12] or "nothing was started"
        return f"{document['decision']}{outcome}: {document['image']['asked']} ({what})".replace(
            "\n", " "
        )


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def _exit(status: int | None) -> dict[str, int | None] | None:
    if status is None:
        return None
    if os.WIFSIGNALED(status):
        return {"status": None, "signal": os.WTERMSIG(status)}
    return {"status": os.waitstatus_to_exitcode(status), "signal": None}


def _tried(what: str, write: Callable[[], None]) -> list[str]:
    try:
        write()
    except OSError as error:
        return [str(_impossible(what, error))]
    return []


def _impossible(what: str, error: OSError, *hints: str) -> SaferunError:
    why = (error.strerror or str(error)).lower()
    return SaferunError(f"cannot {what}: {why}", *hints)
