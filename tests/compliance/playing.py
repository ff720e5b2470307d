"""One command played to its end against a recording engine, and all that came of it."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.compliance.recording_engine import Image, RecordingEngine

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    #: Runs a program to its end as `subprocess.run` does.
    Run = Callable[..., subprocess.CompletedProcess[bytes]]

#: What the client finds in its working directory.
FILES = {
    "env.txt": "# a comment\nA=1\n\nFROM_CLIENT\nNOT_THERE\nB=two words \nC=\n",
    "bad-env.txt": "A=1\n=x\n",
    "labels.txt": "# a comment\na=1\nb=two words\nc\n",
    "seccomp.json": '{ "defaultAction": "SCMP_ACT_ALLOW" }\n',
    "empty.txt": "",
    "taken.cid": "not ours",
}
#: Lists that the CLI makes out of Go maps, so that their order says nothing.
UNORDERED = ("Binds", "Env")


@dataclass(frozen=True)
class Outcome:
    """What a command said, did to its directory, and asked of the engine.

    The directory is called DIR throughout. `calls` are sorted, because the CLI makes some of them
    at the same time; `creates` are the bodies of those that create a container, and `headers` what
    came with them.
    """

    status: int
    stdout: str
    stderr: str
    files: Mapping[str, str]
    calls: Sequence[str]
    creates: Sequence[Any]
    headers: Sequence[Mapping[str, str]]


def play(
    argv: Sequence[str],
    environment: Mapping[str, str] | None = None,
    prepare: Callable[[RecordingEngine], None] = lambda _engine: None,
    run: Run = subprocess.run,
) -> Outcome:
    """Run a command in a directory and with an engine of its own; `prepare` sets up the engine."""
    with tempfile.TemporaryDirectory(prefix="saferun-") as name:
        directory = Path(name)
        work = directory / "work"
        (work / "sub").mkdir(parents=True)
        for file, text in FILES.items():
            (work / file).write_text(text)
        with RecordingEngine(directory / "engine.sock") as engine:
            engine.images["absent"] = Image(pulled=False)
            prepare(engine)
            done = run(
                argv,
                cwd=work,
                env={
                    "PATH": os.environ["PATH"],
                    "HOME": name,
                    "DOCKER_HOST": engine.address,
                    "FROM_CLIENT": "the client's value",
                    # Thousands of short lives: neither threads nor a garbage collector pay.
                    "GOMAXPROCS": "1",
                    "GOGC": "off",
                    **(environment or {}),
                },
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
                timeout=60,
            )

        def named(data: bytes) -> str:
            return data.replace(os.fsencode(name), b"DIR").decode("utf-8", "surrogateescape")

        return Outcome(
            done.returncode,
            named(done.stdout),
            named(done.stderr),
            {
                file.name: file.read_text()
                for file in work.iterdir()
                if file.is_file() and FILES.get(file.name) != file.read_text()
            },
            sorted(f"{one.method} {one.path} {sorted(one.query)}" for one in engine.requests),
            [ordered(json.loads(named(one.body))) for one in engine.creates],
            [
                # As long as the body, which is compared.
                {name: text for name, text in one.headers.items() if name != "content-length"}
                for one in engine.creates
            ],
        )


def ordered(value: Any) -> Any:  # noqa: ANN401 - JSON is whatever it is
    """Return a create body with its unordered lists sorted, and without what CLI 20 sends empty."""
    if isinstance(value, list):
        return [ordered(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: sorted(item, key=json.dumps) if key in UNORDERED and item else ordered(item)
        for key, item in value.items()
        if (key, item) != ("DriverConfig", {})
    }


def differences(expected: Outcome, actual: Outcome) -> list[str]:
    """Say in which respects two outcomes differ, one line for each."""
    pairs = (
        (one.name, getattr(expected, one.name), getattr(actual, one.name))
        for one in fields(Outcome)
    )
    return [f"{name}: {want!r} became {got!r}" for name, want, got in pairs if want != got]
