"""A command line and the create body that the docker CLI makes of it are the same container.

Each list of command_lines.txt, and the words of every control's cases, are given to the real CLI
with a recording engine at the other end; what saferun reads in the body must be what it read in the
words. So the same law gives the same answer to both.
"""

from __future__ import annotations

import json
import shlex
import subprocess
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

from saferun.formats import container_body, create_body, seccomp_profile
from saferun.formats.docker_run.command import RunCommand
from saferun.formats.docker_run.spec import to_spec
from saferun.judge.checks import CONTROLS, control
from saferun.judge.spec import UNLIMITED, ContainerSpec, Mount
from tests.compliance.playing import FILES
from tests.compliance.test_docker_run import EVERY, WORKERS, played, understood
from tests.judging import known

if TYPE_CHECKING:
    from collections.abc import Sequence

    from saferun.formats.facts import Facts

#: The words of every case of every control.
CASES = [
    shlex.split(words)
    for words in sorted(
        {
            case.words
            for name in CONTROLS
            for case in (*control(name).passes, *control(name).refuses)
        }
    )
]
#: The client mounts the socket that it uses itself, wherever that is.
OWN_SOCKET = "--use-api-socket"
#: Flags that are the client's business, or say what silence would: the engine hears nothing.
UNHEARD = {
    *("attach", "cidfile", "detach", "detach-keys", "disable-content-trust", "env-file"),
    *("label-file", "name", "platform", "pull", "quiet", "sig-proxy", "interactive", "tty", "help"),
    *("network-alias", "volume-driver", "health-interval", "health-retries"),
    *("health-start-interval", "health-start-period", "health-timeout", "mac-address"),
}
#: What CLI 26 reads and then forgets: no body of its has them.
FORGOTTEN = {f"device-{way}-{unit}" for way in ("read", "write") for unit in ("bps", "iops")}
#: Amounts of which an explicit zero is silence in a body.
AMOUNTS = ("memory", "memory_swap", "cpus", "pids_limit", "shm_size", "oom_score_adj")
#: What the CLI's directory is called in its recorded bodies, and here.
DIRECTORY = ('"DIR', '"/DIR')


def same(spec: ContainerSpec) -> dict[str, Any]:
    """Return what matters of a specification, without what no body can say."""
    fields = {name: getattr(spec, name) for name in ContainerSpec.__annotations__}
    for name in ("flags", "pull", "platform", "verify", "use_api_socket"):
        del fields[name]
    for name in AMOUNTS:
        silent = fields[name] == 0 or (name == "shm_size" and fields[name] == 64 << 20)
        fields[name] = None if silent else fields[name]
    # Twice is once, and in Go's maps nothing is first.
    for name in ("sysctls", "security_opt", "ulimits", "networks", "log_opts", "devices"):
        fields[name] = set(fields[name])
    fields["annotations"] = set(spec.annotations)
    fields["mounts"] = {place(mount): mount_of(mount) for mount in spec.mounts}
    fields["mounted_images"] = {image for _, image in spec.mounted_images}
    fields["ports"] = {
        (port.address, number, port.protocol)
        for port in spec.ports
        for number in range(port.first, port.last + 1)
    }
    # CLI 28 writes its prefix before any name, known or not.
    for name in ("cap_add", "cap_drop"):
        fields[name] = {one.upper().removeprefix("CAP_") for one in fields[name]}
    fields["read_only"] = bool(spec.read_only)
    return fields


def place(mount: Mount) -> tuple[str | None, str]:
    """Return what of mounts there is one of: the last file system in memory at a target counts."""
    return mount.target, "" if mount.kind == "tmpfs" else mount.source


def mount_of(mount: Mount) -> Mount:
    """Return a mount without how it was asked for, and in which order, and sizes in which unit."""
    options = sorted(pair for pair in mount.options if pair[0] != "size")
    return mount.replace(asked="", options=tuple(options))


def facts_for(command: RunCommand) -> Facts:
    """Return what is known of the made-up world, with the CLI's directory and its one profile."""
    identity = seccomp_profile.identity(FILES["seccomp.json"].encode())
    profile = {"seccomp.json": identity} if identity else {}
    return known(command, profiles=profile, directory="/DIR/work")


def complaints(docker: str, unheard: set[str], words: Sequence[str]) -> list[str]:
    """Say where the body that the CLI makes of these words is read otherwise than the words."""
    command = understood(docker, words)
    if not isinstance(command, RunCommand) or OWN_SOCKET in words or not is_text(words):
        return []
    found = []
    for create in played(docker, "run", *words).creates:
        text = json.dumps(create).replace(*DIRECTORY)
        (body,) = create_body.read(text.encode())
        facts = facts_for(command)
        try:
            read = container_body.to_spec(body, facts)
        except ValueError as error:
            found.append(f"{words}: {error}")
            continue
        asked, got = same(to_spec(command, facts)), same(read)
        found += [
            f"{words}: {name}: {asked[name]!r} became {got[name]!r}"
            for name in asked
            # What saferun cannot read counts as without an end; the CLI can read more.
            if asked[name] != got[name] and asked[name] != UNLIMITED
        ]
        unread = list(create_body.unknown(body))
        found += [f"{words}: not read: {unread}"] if unread else []
        lost = set(command_flags(command)) - set(read.flags) - unheard
        found += [f"{words}: lost {lost}"] if lost else []
    return found


def command_flags(command: RunCommand) -> list[str]:
    """Return the flags whose last value is not what silence would be."""
    silent = {"", "0", "false", "no", "default", "bridge", "private", "runc", "64m", "-1", "host"}
    silent.add("json-file")
    return [name for name in dict(command.options) if command.last(name) not in silent]


def is_text(words: Sequence[str]) -> bool:
    """Tell whether words can be written in JSON: bytes that are no text the CLI replaces."""
    return not any("\udc80" <= letter <= "\udcff" for word in words for letter in word)


def test_a_body_is_the_container_that_its_command_line_asked_for(docker_cli: str) -> None:
    """Nothing is lost, added or misread between the words and the body."""
    told = subprocess.run([docker_cli, "--version"], capture_output=True, check=True, text=True)
    forgetful = told.stdout.startswith("Docker version 26.")
    unheard = UNHEARD | FORGOTTEN if forgetful else UNHEARD
    with ThreadPoolExecutor(WORKERS) as pool:
        found = pool.map(partial(complaints, docker_cli, unheard), [*EVERY, *CASES])
        wrong = [fault for faults in found for fault in faults]
    assert not wrong, "\n".join(wrong)
