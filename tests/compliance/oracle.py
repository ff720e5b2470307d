"""What saferun makes of a command line, held against what docker makes of it and the promise.

A list is given to the real CLI and to the whole of saferun in front of that CLI, each with a
recording engine of its own. What differs is sorted by rule into what saferun is meant to do
(`expected`), to refuse, or to say in its own words; and whatever the list, nothing unlawful reaches
the engine.
"""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from saferun.formats.docker_run.flags import ALIASES
from tests.compliance.expected import LABELS, PASSWD, VOLUME, Asked, broken, place_of_gate
from tests.compliance.playing import Outcome, play
from tests.compliance.recording_engine import CONTAINER, IMAGE, Image, RecordingEngine

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from tests.compliance.playing import Run

ROOT = Path(__file__).parents[2]
NOTHING_TO_RUN = "a number, nothing to run"
#: The kind of a list that both refuse, each for a reason of its own.
OTHER_REASON = "refused for another reason"
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


@dataclass(frozen=True)
class Case:
    """One list, and what is behind its image's name."""

    words: tuple[str, ...]
    user: str

    @property
    def image(self) -> Image:
        return IMAGES[self.user]


def prepared(image: Image, *, passwd: bool = True) -> Callable[[RecordingEngine], None]:
    """Return what sets up an engine that saferun has used before, and knows its passwd or not."""

    def prepare(engine: RecordingEngine) -> None:
        engine.any_image = image
        engine.images["absent"] = Image(image.config, pulled=False)
        engine.volumes[VOLUME] = {
            "Driver": "local",
            "Labels": LABELS,
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


@lru_cache(maxsize=4096)
def plainly(docker: str, words: tuple[str, ...]) -> Outcome:
    """Play `docker run`, which does not care what an image says about itself."""
    return play([docker, "run", *words])


def lawfully(
    docker: str,
    case: Case,
    environment: Mapping[str, str] | None = None,
    *,
    passwd: bool = True,
    run: Run = subprocess.run,
) -> Outcome:
    """Play saferun in front of this CLI: the installed one, or else the one in this checkout."""
    installed = Path(sys.executable).with_name("saferun")
    argv = [installed] if installed.exists() else [sys.executable, ROOT / "script" / "saferun"]
    named = {"PYTHONPATH": str(ROOT), "SAFERUN_DOCKER": docker, **(environment or {})}
    return play([*map(str, argv), *case.words], named, prepared(case.image, passwd=passwd), run)


@dataclass(frozen=True)
class Verdict:
    """What a list turned out to be, and where saferun did something else with it than it should."""

    kind: str
    faults: tuple[str, ...]


def judged(
    docker: str,
    case: Case,
    allowed: Collection[str] = (),
    environment: Mapping[str, str] | None = None,
    run: Run = subprocess.run,
) -> Verdict:
    """Play a list both ways, sort it, and compare; `allowed` is what `environment` lets pass.

    `run` starts saferun.
    """
    plain = plainly(docker, case.words)
    ours = lawfully(docker, case, environment, run=run)
    if "Traceback" in ours.stderr:
        kind, faults = "broken", [ours.stderr]
    elif plain.creates:
        kind, faults = of_created(plain, ours, case, allowed)
    else:
        kind, faults = of_refused(plain, ours, case)
    faults += [fault for body in ours.creates for fault in broken(body, case.image, allowed)]
    where = f"{list(case.words)} (image user: {case.user})"
    return Verdict(kind, tuple(f"{where}: {kind}: {fault}" for fault in faults))


def of_refused(plain: Outcome, ours: Outcome, case: Case) -> tuple[str, list[str]]:
    """Return of what kind a list is that docker runs nothing for, and what saferun did wrong."""
    # Of a list that asks for help saferun does not judge the values.
    if plain.stdout.lstrip().startswith("Usage:") or (
        case.words[:1] == ("--help",) and "invalid argument" in plain.stderr
    ):
        return "help", informed(ours)
    found = [*differing(plain, ours), *untouched(ours)]
    # Before it lets docker look, saferun has looked itself, and may know a reason of its own.
    excuses = (
        ("", bool(OWN_WORDS.search(plain.stderr))),
        ("denied: capabilities not allowed", "--cap-add" in case.words),
        ("no command specified", case.user == NOTHING_TO_RUN),
    )
    # A missing image is pulled before anybody looks at its platform.
    pulled = "parsing specified platform" in plain.stderr
    for words, excused in excuses:
        if found and excused and ours.stderr.startswith(f"saferun: {words}"):
            return "refused in its own words", refused(ours, f"saferun: {words}", pulled=pulled)
    # Of several reasons to refuse a list, each may find another one first.
    if found and not refused(ours, "saferun: ", pulled=pulled):
        return OTHER_REASON, []
    if found and ours.status == plain.status and not untouched(ours, pulled=pulled):
        return OTHER_REASON, []
    return "refused by docker", found


def of_created(
    plain: Outcome, ours: Outcome, case: Case, allowed: Collection[str]
) -> tuple[str, list[str]]:
    """Return of what kind a list is that docker runs, and what saferun did wrong."""
    asked = Asked(plain.creates[-1], case.image, asked_platform(plain), allowed)
    others = {name.partition(":")[0] for name in asked.host["VolumesFrom"] or ()}
    # CLI 20.10 takes any word for "missing". The last one before the image counts.
    image = asked.body["Image"]
    options = case.words[: case.words.index(image)] if image in case.words else case.words
    pulls = [word for word in options if word.startswith("--pull=")]
    pull = bool(re.fullmatch(r"--pull=(?!always|missing|never).+", pulls[-1])) if pulls else False
    gated = not (asked.says_root or (asked.is_root and asked.architecture is None))
    refusals = (
        ("refused in its own words", "invalid --pull=", pull),
        ("no such image", "no such image: ", "No such image" in plain.stderr),
        ("no such container", "--volumes-from ", not others <= {*OTHERS}),
        ("denied", "denied: ", bool(asked.crimes())),
        ("no gate", "there is no gate for ", not asked.is_root and asked.architecture is None),
        ("nothing to run", "no command specified", gated and not asked.words),
    )
    for kind, words, applies in refusals:
        if applies:
            pulled = any(call.startswith("POST /images/create ") for call in plain.calls)
            return kind, refused(ours, f"saferun: {words}", pulled=pulled)
    kind = "gated" if gated else "left as it is"
    return kind, [*alike(plain, ours, asked), *asking(plain, ours, asked.body["Image"])]


def informed(ours: Outcome) -> list[str]:
    """Say where this is not saferun's help."""
    if ours.stdout.startswith("Usage:  saferun") and not ours.status and not ours.stderr:
        return untouched(ours)
    return ["it is not told how saferun is used"]


def refused(ours: Outcome, words: str, *, pulled: bool = False) -> list[str]:
    """Say where this is not a refusal that begins with these words.

    `pulled`: what an image has to run can only be known when it is there, for docker as well.
    """
    if pulled:
        ours = replace(ours, stderr=ours.stderr[max(ours.stderr.find("saferun: "), 0) :])
    found = untouched(ours, pulled=pulled)
    if (ours.status, ours.stdout) != (125, ""):
        found.append(f"status {ours.status}, {ours.stdout!r} on stdout")
    if not ours.stderr.startswith(words) or not ours.stderr.endswith("nothing was started\n"):
        found.append(f"it says {ours.stderr!r}")
    return found


def untouched(ours: Outcome, *, pulled: bool = False) -> list[str]:
    """Say what was done although nothing should be, apart from pulling the image."""
    fine = ("GET ", "HEAD ", *(("POST /images/create ",) if pulled else ()))
    done = [call for call in ours.calls if not call.startswith(fine)]
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
    # Older names of flags are handed on as the flags that they name.
    stderr = re.sub(r'(for "--)(net|net-alias|dns-opt)(" flag)', _renamed, stderr)
    # Some CLIs warn of it for any --mount, and the gate comes by one.
    stderr = re.sub(r"time=.*`--volume-driver` is ignored .*\n", "", stderr)
    return re.sub(r"(Pulling from .*\n)docker.io/\S+\n", r"\1", stderr)


def _renamed(found: re.Match[str]) -> str:
    return f"{found[1]}{ALIASES[found[2]]}{found[3]}"


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
    for body in (wanted, got):
        # What --use-api-socket adds comes last, also after the gate; engines order mounts by path.
        body["HostConfig"].get("Mounts", []).sort(key=str)
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
    return [
        f"{what!r} was {how}"
        for how, whats in (("not asked", of_docker - of_ours), ("asked", more))
        for what in whats
    ]


def asked_platform(plain: Outcome) -> str:
    """Return the platform that a container was created for, if one was asked for."""
    creates = (call for call in plain.calls if call.startswith("POST /containers/create "))
    found = {match[1] for call in creates if (match := re.search(r"'platform', '(.*?)'", call))}
    return found.pop() if found else ""
