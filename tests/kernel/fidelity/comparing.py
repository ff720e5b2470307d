"""Running one command line and looking at everything that can be seen of it from outside."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from typing import TYPE_CHECKING, Any

from saferun.judge.record import Record
from tests.kernel.fidelity.cases import FILES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from tests.kernel.conftest import Command
    from tests.kernel.fidelity.cases import Case

#: A word's placeholders; other braces stand for themselves.
PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9-]*)\}")
#: What no two containers have in common, or what is about this very run.
OWN = (
    *("AppArmorProfile", "Created", "GraphDriver", "HostnamePath", "HostsPath", "Id", "LogPath"),
    *("ResolvConfPath",),
    # Podman's.
    *("ConmonPidFile", "OCIConfigPath", "PidFile", "StaticDir", "lockNumber"),
)
#: What the gate changes: itself as the entrypoint, its volume, and the drop. Podman records what
#: came of the drop as well, and the words of the command line.
GATE = {
    "": ("Args", "BoundingCaps", "Mounts", "Path"),
    "Config": ("Cmd", "CreateCommand", "Entrypoint", "Image"),
    "HostConfig": ("CapDrop", "Mounts"),
}
#: The first port that nobody asked for (ip_local_port_range).
EPHEMERAL = 32768
GATE_VOLUME = "saferun-gate-"
#: Of the state, what is the command's doing.
STATE = ("Status", "ExitCode", "OOMKilled", "Error", "Health")
SECONDS = 120


class Outcome(Record):
    """All that is compared.

    `left` are the containers that are there afterwards, each as the engine's record of it without
    what the gate changes; `volumes` how many anonymous volumes are left; `files` what is in {dir}.
    """

    status: int
    stdout: bytes
    stderr: bytes
    left: tuple[str, ...]
    volumes: int
    files: tuple[str, ...]


class Bench:
    """The engine and what is on it for the cases to name."""

    def __init__(
        self,
        docker: Command,
        environment: Mapping[str, str],
        image: Callable[[str], str],
        places: Mapping[str, str],
    ) -> None:
        """Take the docker CLI, the environment of both, images by name, and other placeholders."""
        self.docker = docker
        self.environment = {**environment, "PASSED": "through"}
        self._image = image
        self._places = places

    def outcome(self, prefix: list[str], case: Case, name: str, directory: Path) -> Outcome:
        """Run a case in a directory that is made for it; nothing of it is left afterwards."""
        directory.mkdir()
        for file, content in FILES.items():
            (directory / file).write_bytes(content)
        places = {**self._places, "name": name, "dir": str(directory)}
        mark = f"saferun-fidelity={name}"
        words = [*prefix, f"--label={mark}", *(self._filled(word, places) for word in case.words)]
        volumes = self._volumes()
        try:
            done = subprocess.run(
                [os.fsencode(word) for word in words],
                env=self.environment,
                input=case.stdin,
                capture_output=True,
                check=False,
                timeout=SECONDS,
                cwd=directory,
            )
            ids = self._containers(mark)
            if case.detached:
                self.docker("wait", *ids)
                ids = self._containers(mark)
            found = Outcome(
                done.returncode,
                _normal(done.stdout, name),
                _normal(done.stderr, name),
                tuple(self._record(one) for one in ids),
                len(self._volumes() - volumes),
                tuple(sorted(file.name for file in directory.iterdir())),
            )
        finally:
            ids = self._containers(mark)
            if ids:
                self.docker("rm", "--force", "--volumes", *ids)
            shutil.rmtree(directory, ignore_errors=True)
        return found

    def _filled(self, word: str, places: Mapping[str, str]) -> str:
        return PLACEHOLDER.sub(
            lambda found: places[found[1]] if found[1] in places else self._image(found[1]), word
        )

    def _containers(self, mark: str) -> list[str]:
        listed = self.docker("ps", "-aq", "--no-trunc", "--filter", f"label={mark}").stdout.split()
        # --rm is the engine's work, and the CLI does not always wait for its end.
        for _ in range(100):
            if not any("true" in self._auto_remove(one) for one in listed):
                break
            time.sleep(0.05)
            listed = self.docker(
                "ps", "-aq", "--no-trunc", "--filter", f"label={mark}"
            ).stdout.split()
        return sorted(listed)

    def _auto_remove(self, container: str) -> str:
        return self.docker("inspect", "--format", "{{.HostConfig.AutoRemove}}", container).stdout

    def _volumes(self) -> set[str]:
        # Anonymous ones have names of 64 digits; the gate's does not.
        listed = self.docker("volume", "ls", "--quiet").stdout.split()
        return {name for name in listed if len(name) == 64}

    def _record(self, container: str) -> str:
        (found,) = json.loads(self.docker("inspect", container).stdout)
        return json.dumps(_comparable(found), sort_keys=True)


def _comparable(found: dict[str, Any]) -> dict[str, Any]:
    its_id = found["Id"]
    for key in OWN:
        found.pop(key, None)
    found["State"] = {key: found["State"].get(key) for key in STATE}
    networks = found.pop("NetworkSettings")
    found["Networks"] = sorted(networks["Networks"])
    # The CLI sends these in random order.
    found["Config"]["Env"] = sorted(found["Config"]["Env"] or [])
    # In Podman's words all volumes are among them: anonymous ones by a name of their own.
    found["HostConfig"]["Binds"] = sorted(
        re.sub(r"^[0-9a-f]{64}:", "ID:", bind)
        for bind in found["HostConfig"]["Binds"] or []
        if not bind.startswith(GATE_VOLUME)
    )
    # Podman's log, and the host's name in its environment.
    found["HostConfig"]["LogConfig"].pop("Path", None)
    found["Config"]["Env"] = [
        "HOSTNAME=ID" if one == f"HOSTNAME={its_id[:12]}" else one for one in found["Config"]["Env"]
    ]
    if not found["Name"].startswith(("saferun-test-", "/saferun-test-")):
        del found["Name"]  # of the engine's choice
    for bindings in (found["HostConfig"]["PortBindings"] or {}).values():
        for binding in bindings or ():
            # Podman writes down what it chose.
            if int(binding["HostPort"] or 0) >= EPHEMERAL:
                binding["HostPort"] = ""
    found["State"]["Error"] = re.sub("[0-9a-f]{64}", "ID", found["State"]["Error"] or "")
    if its_id.startswith(found["Config"]["Hostname"]):
        del found["Config"]["Hostname"]
    for section, keys in GATE.items():
        for key in keys:
            (found[section] if section else found).pop(key, None)
    return found


def _normal(stream: bytes, name: str) -> bytes:
    """Return what was printed without names and ids that no two runs have in common."""
    for pattern, stands in (
        (rb"[0-9a-f]{64}", b"ID"),
        (rb"\b[0-9a-f]{12}\b", b"ID"),
        (name.encode(), b"NAME"),
        (rb"0x[0-9a-f]{6,}", b"ADDRESS"),
        (rb"time=\"[^\"]*\"", b"TIME"),
    ):
        stream = re.sub(pattern, stands, stream)
    return stream


def differences(
    plain: Outcome, ours: Outcome, allowed: Iterable[str]
) -> dict[str, tuple[Any, Any]]:
    """Return what is not the same and should be, by field: docker's and saferun's."""
    return {
        field: (getattr(plain, field), getattr(ours, field))
        for field in Outcome._fields
        if getattr(plain, field) != getattr(ours, field) and field not in allowed
    }
