"""saferun does with every command line what docker does, and its own promise besides.

Each list of command_lines.txt is given to the real CLI and to the whole of saferun in front of that
CLI, each with a recording engine of its own. What differs is sorted by rule into what saferun is
meant to do (`expected`), to refuse, or to say in its own words; and whatever the list, nothing
unlawful reaches the engine.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saferun.formats.docker_run.flags import TABLE
from tests.compliance.command_lines import SECTIONS
from tests.compliance.expected import PASSWD, VOLUME, Asked, broken, place_of_gate
from tests.compliance.expected import DIGEST as GATES
from tests.compliance.playing import Outcome, play
from tests.compliance.recording_engine import CONTAINER, IMAGE, Image, RecordingEngine

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

ROOT = Path(__file__).parents[2]
#: These ask for a user or for capabilities, so they are played with every image, and with one that
#: has nothing to run.
WITH_EVERY_IMAGE = "capabilities, users and privileges"
NOTHING_TO_RUN = "a number, nothing to run"
#: The images that a name may stand for, by the user that comes out of each.
IMAGES = {
    "nobody named": Image({"Cmd": ["sh"]}),
    "a number": Image({"Cmd": ["sh", "-c", "id"], "User": "3267"}),
    "a name": Image({"Entrypoint": ["/entry", "-x"], "Cmd": ["a b", ""], "User": "app"}),
    "a name of root": Image({"Entrypoint": ["/entry"], "User": "toor:5"}),
    NOTHING_TO_RUN: Image({"User": "3267:0"}),
}
#: Containers that --volumes-from may name.
OTHERS = ("other", "third")
MADE = "2026-01-01T00:00:00Z"
#: Where docker complains about what saferun has looked at before, and refused in its own words.
OWN_WORDS = re.compile(
    r"invalid reference format|invalid pull option|parsing specified platform"
    r'|"--mount" flag|volume spec|invalid spec'
)
#: Each play is processes that mostly wait for a core.
WORKERS = 4


@dataclass(frozen=True)
class Case:
    """One list, and what is behind its image's name."""

    words: tuple[str, ...]
    user: str

    @property
    def image(self) -> Image:
        return IMAGES[self.user]


def cases(section: str) -> list[Case]:
    """Return the lists of a section, each with an image in turn, or with every image."""
    users = [user for user in IMAGES if user != NOTHING_TO_RUN]
    turn = list(SECTIONS).index(section)
    return [
        Case(tuple(words), user)
        for number, words in enumerate(SECTIONS[section], turn)
        for user in (IMAGES if section == WITH_EVERY_IMAGE else [users[number % len(users)]])
    ]


def prepared(image: Image, *, passwd: bool = True) -> Callable[[RecordingEngine], None]:
    """Return what sets up an engine that saferun has used before, and knows its passwd or not."""

    def prepare(engine: RecordingEngine) -> None:
        engine.any_image = image
        engine.images["absent"] = Image(image.config, pulled=False)
        engine.volumes[VOLUME] = {
            "Driver": "local",
            "Labels": {"saferun.gate": GATES},
            "Options": None,
            "CreatedAt": MADE,
        }
        engine.files["/etc/passwd"] = PASSWD.encode()
        for name in OTHERS:
            engine.answers[f"GET /containers/{name}/json"] = (200, {"Id": name, "Mounts": []})
        cache_ = Path(engine.address.removeprefix("unix://")).parent / ".cache" / "saferun"
        cache_.mkdir(parents=True)
        (cache_ / VOLUME).write_text(f"{engine.address} {MADE}")
        if passwd:
            (cache_ / f"passwd-{IMAGE.replace(':', '-')}").write_text(PASSWD)

    return prepare


@cache
def plainly(docker: str, words: tuple[str, ...]) -> Outcome:
    """Play `docker run`, which does not care what an image says about itself."""
    return play([docker, "run", *words])


def lawfully(docker: str, case: Case, *, passwd: bool = True, **environment: str) -> Outcome:
    """Play saferun in front of this CLI: the installed one, or else the one in this checkout."""
    installed = Path(sys.executable).with_name("saferun")
    argv = [str(installed)] if installed.exists() else [sys.executable, str(ROOT / "script/saferun")]
    named = {"PYTHONPATH": str(ROOT), "SAFERUN_DOCKER": docker, **environment}
    return play([*argv, *case.words], named, prepared(case.image, passwd=passwd))


@dataclass(frozen=True)
class Verdict:
    """What a list turned out to be, and where saferun did something else with it than it should."""

    kind: str
    faults: tuple[str, ...]


def judged(
    docker: str, case: Case, allowed: Collection[str] = (), **environment: str
) -> Verdict:
    """Play a list both ways, sort it, and compare."""
    plain = plainly(docker, case.words)
    ours = lawfully(docker, case, **environment)
    kind, faults = compared(plain, ours, case, allowed)
    faults += [fault for body in ours.creates for fault in broken(body, case.image, allowed)]
    if "Traceback" in ours.stderr:
        faults = [ours.stderr]
    where = f"{list(case.words)} (image user: {case.user})"
    return Verdict(kind, tuple(f"{where}: {kind}: {fault}" for fault in faults))


def compared(
    plain: Outcome, ours: Outcome, case: Case, allowed: Collection[str]
) -> tuple[str, list[str]]:
    """Return the kind that a list is of, and what is wrong with what saferun did."""
    if not plain.creates:
        # Of a list that asks for help saferun does not judge the values.
        if plain.stdout.lstrip().startswith("Usage:") or (case.words[:1] == ("--help",) and "invalid argument" in plain.stderr):
            return "help", informed(ours)
        if OWN_WORDS.search(plain.stderr) and differing(plain, ours):
            return "refused in its own words", refused(ours, "saferun: ")
        return "refused by docker", [*differing(plain, ours), *untouched(ours)]
    body, platform = plain.creates[-1], asked_platform(plain)
    asked = Asked(body, case.image, platform, allowed)
    inherited = {name.partition(":")[0] for name in body["HostConfig"]["VolumesFrom"] or ()}
    if any(re.fullmatch(r"--pull=(?!always|missing|never).+", word) for word in case.words):
        # CLI 20.10 takes any word for "missing".
        return "refused in its own words", refused(ours, "saferun: invalid --pull=")
    if plain.status == 125:
        return "no such image", refused(ours, "saferun: no such image: ")
    if not inherited <= {*OTHERS}:
        return "no such container", refused(ours, "saferun: --volumes-from ")
    if asked.crimes():
        return "denied", refused(ours, "saferun: denied: ")
    if asked.says_root:
        return "left as it is", [*alike(plain, ours, asked), *asking(plain, ours, body["Image"])]
    if asked.architecture is None:
        return "no gate", refused(ours, "saferun: there is no gate for ")
    if not asked.words:
        return "nothing to run", refused(ours, "saferun: no command specified")
    return "gated", [*alike(plain, ours, asked), *asking(plain, ours, body["Image"])]


def informed(ours: Outcome) -> list[str]:
    """Say where this is not saferun's help."""
    if ours.stdout.startswith("Usage:  saferun") and not ours.status and not ours.stderr:
        return untouched(ours)
    return ["it is not told how saferun is used"]


def refused(ours: Outcome, words: str) -> list[str]:
    """Say where this is not a refusal that begins with these words."""
    found = untouched(ours)
    if (ours.status, ours.stdout) != (125, ""):
        found.append(f"status {ours.status}, {ours.stdout!r} on stdout")
    if not ours.stderr.startswith(words) or not ours.stderr.endswith("nothing was started\n"):
        found.append(f"it says {ours.stderr!r}")
    return found


def untouched(ours: Outcome) -> list[str]:
    """Say what was done although nothing should be."""
    done = [call for call in ours.calls if not call.startswith(("GET ", "HEAD "))]
    return [f"it did {what!r}" for what in (*done, *ours.files)]


def differing(plain: Outcome, ours: Outcome) -> list[str]:
    """Say where two outcomes look different to whoever called."""
    return [
        f"{name}: {want!r} became {got!r}"
        for name, want, got in (
            ("status", plain.status, ours.status),
            ("stdout", plain.stdout, ours.stdout),
            ("stderr", nameless(plain.stderr), nameless(ours.stderr)),
            ("files", plain.files, ours.files),
        )
        if want != got
    ]


def nameless(stderr: str) -> str:
    """Forget how a flag was spelled that this CLI is too old for, as saferun spells it out.

    And the name with which a `docker pull` ends its progress, unlike the same pull by `docker run`.
    """
    stderr = re.sub(r"unknown (shorthand )?flag: .*", "unknown flag", stderr)
    return re.sub(r"(Pulling from (\S+)\n)\2:\S+\n", r"\1", stderr)


def alike(plain: Outcome, ours: Outcome, asked: Asked) -> list[str]:
    """Say where what was run is not what should be: the same but for what saferun adds."""
    found = differing(plain, ours)
    if len(ours.creates) != 1:
        return [*found, f"{len(ours.creates)} containers were created"]
    # The CLI sets it for whoever does not wait.
    detached = not any(asked.body[f"Attach{name}"] for name in ("Stdin", "Stdout", "Stderr"))
    got = ours.creates[0]
    wanted = asked.wanted(place_of_gate(got), detached=detached and bool(plain.stdout))
    if not asked.is_root:
        # Once ALL is dropped, the others that were named are neither here nor there.
        drops = [name for name in got["HostConfig"]["CapDrop"] or () if name.upper() == "ALL"]
        wanted["HostConfig"]["CapDrop"] = got["HostConfig"]["CapDrop"] if drops else ["ALL"]
    if plain.headers[-1] != ours.headers[0]:
        found.append(f"headers {plain.headers[-1]!r} became {ours.headers[0]!r}")
    return [*found, *changes("", wanted, got)]


def changes(where: str, wanted: Any, got: Any) -> list[str]:  # noqa: ANN401 - JSON
    """Say in which places two JSON values differ."""
    if isinstance(wanted, dict) and isinstance(got, dict):
        return [
            change
            for key in sorted(wanted.keys() | got.keys())
            for change in changes(f"{where}.{key}", wanted.get(key), got.get(key))
        ]
    return [] if wanted == got else [f"{where[1:]} is {got!r}, not {wanted!r}"]


def asking(plain: Outcome, ours: Outcome, image: str) -> list[str]:
    """Say where the engine was asked for something else than docker and a look around need."""
    # Where an image is missing, docker creates, pulls, and creates again.
    of_docker, of_ours = set(plain.calls), set(ours.calls)
    looks = (
        *(f"/images/{image}/json ", f"/volumes/{VOLUME} ", "/_ping ", "/info "),
        *(f"/containers/{CONTAINER}/{what} " for what in ("json", "logs")),
        *(f"/containers/{name}/json " for name in OTHERS),
    )
    known = tuple(f"{method} {look}" for method in ("GET", "HEAD") for look in looks)
    more = [call for call in of_ours - of_docker if not call.startswith(known)]
    return [f"{what!r} was {how}" for how, whats in (
        ("not asked", of_docker - of_ours), ("asked", more)
    ) for what in whats]


def asked_platform(plain: Outcome) -> str:
    """Return the platform that a container was created for, if one was asked for."""
    found = {match[1] for call in plain.calls if (match := re.search(r"'platform', '(.*?)'", call))}
    return found.pop() if found else ""


@cache
def verdicts(docker: str, section: str) -> list[Verdict]:
    """Judge every list of a section with the CLI on PATH, every third one with others."""
    step = 1 if docker == shutil.which("docker") else 3
    with ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(lambda case: judged(docker, case), cases(section)[::step]))


@pytest.mark.parametrize("section", SECTIONS)
def test_saferun_is_docker_run_and_its_promise(docker_cli: str, section: str) -> None:
    """Status, output, files and the create body are docker's, apart from what saferun adds."""
    faults = [fault for verdict in verdicts(docker_cli, section) for fault in verdict.faults]
    assert not faults, "\n".join(faults)


def test_every_kind_of_list_occurs(docker_cli: str) -> None:
    """The rules that excuse a difference excuse few lists; most are run, or refused by docker."""
    found = Counter(one.kind for section in SECTIONS for one in verdicts(docker_cli, section))
    print(found)
    assert found["gated"] + found["left as it is"] + found["refused by docker"] > 0.8 * found.total()
