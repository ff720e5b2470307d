"""saferun does with every command line what docker does, and its own promise besides.

Each list of command_lines.txt is given to the real CLI and to the whole of saferun in front of that
CLI, each with a recording engine of its own. What differs is sorted by rule into what saferun is
meant to do (`expected`), to refuse, or to say in its own words; and whatever the list, nothing
unlawful reaches the engine.
"""

from __future__ import annotations

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
from tests.compliance.command_lines import SECTIONS, read
from tests.compliance.expected import LABELS, PASSWD, VOLUME, Asked, broken, place_of_gate
from tests.compliance.playing import Outcome, play
from tests.compliance.recording_engine import CONTAINER, IMAGE, Image, RecordingEngine

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

ROOT = Path(__file__).parents[2]
#: Lists that mean something to saferun only.
SAFERUNS_OWN = read("""
[mounts where the gate is]
-v /a:/.saferun img
-v /a:/b/../.saferun/./x/ img
-v /.saferun img
-v .saferun img
-v /a:/.saferunner img
--tmpfs /.saferun/x:ro img
--mount type=tmpfs,dst=//.saferun img
--mount type=bind,src=/a,dst=/b,target=/.saferun/0 img
--mount type=volume,src=saferun-gate-0,dst=/b img
-v saferun-gate-0:/b -u 0 img

[who is root]
-u 00 img
-u +0 img
-u -0 img
-u 0:5 img
-u :1000 img
-u 0x0 img
-u 0_0 img
-u ' 0' img
-u %D9%A0 img
-u -1 img
-u 18446744073709551616 img
-u root img
-u toor:app img
-u app img
-u APP img
-u nobody img
-u toor -v /a:/etc img
-u toor --tmpfs /etc/ img
-u toor --mount type=bind,src=/a,dst=/etc/passwd img
-u toor -v /a:/etc/group img
-u toor --volumes-from other img
-u toor --privileged --cap-add SYS_ADMIN img

[what would undo the promise]
-u 1 --privileged img
-u 1 --privileged=false img
-u 1 --cap-add all img
-u 1 --cap-add chown --cap-drop chown img
-u 1 --cap-drop chown --cap-drop CAP_KILL img
-u 0 --cap-add ALL --cap-drop ALL img
-u 1 --cap-add NET_BIND_SERVICE --memory=x img
-u 1 --security-opt seccomp=unconfined --pid=host img

[in the background]
-d img %FF
-d -u 1:%FF img
-d -u 1 --restart=always --init img a b
-d --rm --cidfile a.cid -u 1 img
-d --platform linux/arm64 -u 1 img
-d -u 0 img
-d -w '' --entrypoint '' img a
""")
LISTS = {**SECTIONS, **SAFERUNS_OWN}
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
    turn = list(LISTS).index(section)
    return [
        Case(tuple(words), user)
        for number, words in enumerate(LISTS[section], turn)
        for user in (IMAGES if section == WITH_EVERY_IMAGE else [users[number % len(users)]])
    ]


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


@cache
def plainly(docker: str, words: tuple[str, ...]) -> Outcome:
    """Play `docker run`, which does not care what an image says about itself."""
    return play([docker, "run", *words])


def lawfully(
    docker: str, case: Case, environment: Mapping[str, str] | None = None, *, passwd: bool = True
) -> Outcome:
    """Play saferun in front of this CLI: the installed one, or else the one in this checkout."""
    installed = Path(sys.executable).with_name("saferun")
    argv = [installed] if installed.exists() else [sys.executable, ROOT / "script" / "saferun"]
    named = {"PYTHONPATH": str(ROOT), "SAFERUN_DOCKER": docker, **(environment or {})}
    return play([*map(str, argv), *case.words], named, prepared(case.image, passwd=passwd))


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
) -> Verdict:
    """Play a list both ways, sort it, and compare; `allowed` is what `environment` lets pass."""
    plain = plainly(docker, case.words)
    ours = lawfully(docker, case, environment)
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
    for words, excused in excuses:
        if found and excused and ours.stderr.startswith(f"saferun: {words}"):
            return "refused in its own words", refused(ours, f"saferun: {words}")
    return "refused by docker", found


def of_created(
    plain: Outcome, ours: Outcome, case: Case, allowed: Collection[str]
) -> tuple[str, list[str]]:
    """Return of what kind a list is that docker runs, and what saferun did wrong."""
    asked = Asked(plain.creates[-1], case.image, asked_platform(plain), allowed)
    others = {name.partition(":")[0] for name in asked.host["VolumesFrom"] or ()}
    # CLI 20.10 takes any word for "missing".
    pull = any(re.fullmatch(r"--pull=(?!always|missing|never).+", word) for word in case.words)
    refusals = (
        ("refused in its own words", "invalid --pull=", pull),
        ("no such image", "no such image: ", plain.status == 125),
        ("no such container", "--volumes-from ", not others <= {*OTHERS}),
        ("denied", "denied: ", bool(asked.crimes())),
        ("no gate", "there is no gate for ", not asked.says_root and asked.architecture is None),
        ("nothing to run", "no command specified", not asked.says_root and not asked.words),
    )
    for kind, words, applies in refusals:
        if applies:
            return kind, refused(ours, f"saferun: {words}")
    kind = "left as it is" if asked.says_root else "gated"
    return kind, [*alike(plain, ours, asked), *asking(plain, ours, asked.body["Image"])]


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
    # Some CLIs warn of it for any --mount, and the gate comes by one.
    stderr = re.sub(r"time=.*`--volume-driver` is ignored .*\n", "", stderr)
    return re.sub(r"(Pulling from .*\n)docker.io/library/\S+\n", r"\1", stderr)


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
    found = {match[1] for call in plain.calls if (match := re.search(r"'platform', '(.*?)'", call))}
    return found.pop() if found else ""


@cache
def verdicts(docker: str, section: str) -> list[Verdict]:
    """Judge every list of a section with the CLI on PATH, every third one with others."""
    step = 1 if docker == shutil.which("docker") else 3
    with ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(lambda case: judged(docker, case), cases(section)[::step]))


@pytest.mark.parametrize("section", LISTS)
def test_saferun_is_docker_run_and_its_promise(docker_cli: str, section: str) -> None:
    """Status, output, files and the create body are docker's, apart from what saferun adds."""
    faults = [fault for verdict in verdicts(docker_cli, section) for fault in verdict.faults]
    assert not faults, "\n".join(faults)


def test_few_differences_are_excused(docker_cli: str) -> None:
    """Every kind of list occurs; most are run, or refused in docker's own words."""
    found = Counter(one.kind for section in LISTS for one in verdicts(docker_cli, section))
    plain = found["gated"] + found["left as it is"] + found["refused by docker"]
    assert plain > 0.85 * sum(found.values())
    assert found["gated"] > 0.5 * sum(found.values())
    assert found["refused in its own words"] < 0.05 * sum(found.values())
    if docker_cli == shutil.which("docker"):
        assert sum(found.values()) > 600
        kinds = {
            "no such image",
            "no such container",
            "no gate",
            "nothing to run",
            "denied",
            "help",
        }
        assert kinds < set(found)


def test_an_allowlist_gives_back_what_it_names(docker_cli: str, tmp_path: Path) -> None:
    """What a policy allows reaches the engine besides the drop, and the gate knows; no more."""
    policy = tmp_path / "policy.toml"
    allowed = ("NET_ADMIN", "NET_BIND_SERVICE")
    policy.write_text(f"schema = 1\n[nonroot.limits]\ncap-add = {list(allowed)}\n")
    some = [
        Case(tuple(words), "a number")
        for words in [*SECTIONS[WITH_EVERY_IMAGE], *SAFERUNS_OWN["what would undo the promise"]]
        if any(word.startswith("--cap-add") for word in words)
    ]
    found = [judged(docker_cli, one, allowed, {"SAFERUN_POLICY": str(policy)}) for one in some]
    faults = [fault for verdict in found for fault in verdict.faults]
    assert not faults, "\n".join(faults)
    assert {"gated", "denied"} <= {verdict.kind for verdict in found}


@pytest.mark.parametrize(("user", "dropped"), [("a name", ["ALL"]), ("a name of root", None)])
def test_an_unknown_name_is_looked_up_in_the_image(
    docker_cli: str, user: str, dropped: list[str] | None
) -> None:
    """The first time, passwd is read from a container that is never started."""
    done = lawfully(docker_cli, Case(("img", "a"), user), passwd=False)
    assert (done.status, done.stdout, done.stderr) == (0, "", "")
    scratch, started = done.creates
    assert scratch["Labels"] == {"saferun.scratch": "passwd"}
    assert started["HostConfig"]["CapDrop"] == dropped
    assert sum("/start " in call for call in done.calls) == 1
    assert sum(call.startswith("DELETE ") for call in done.calls) == 1


def values(name: str) -> st.SearchStrategy[str]:
    """Return values for a flag: those that matter to the promise, some that do not, and noise."""
    telling = {
        "user": ["3267", "app", "toor", "root", "0", "00", ":", "", "0:0", "nobody", "-0"],
        "cap-add": ["ALL", "all", "CAP_ALL", "SYS_ADMIN", "cap_net_raw", "", "ALL,CHOWN"],
        "cap-drop": ["ALL", "all", "CHOWN", ""],
        "volume": ["/a:/b", "/a:/.saferun", "/.saferun/x", "n:/etc", ".saferun", "/a:/etc/passwd"],
        "mount": ["type=tmpfs,dst=/t", "type=tmpfs,dst=/.saferun", "type=bind,src=/a,dst=/etc"],
        "tmpfs": ["/t", "/.saferun", "/etc"],
        "entrypoint": ["/x", "", "--privileged"],
        "security-opt": ["no-new-privileges", "seccomp=unconfined"],
        "platform": ["linux/arm64", "linux/amd64"],
        "pull": ["never", "missing"],
        "volumes-from": list(OTHERS),
        "network": ["host", "none"],
    }.get(name, ["1", "x", "a=b"])
    noise = ["", "img", "--", "--privileged", "--user=0", "--cap-add=ALL"]
    return st.sampled_from([*telling * 4, *noise])


@st.composite
def options(draw: st.DrawFn) -> list[str]:
    """Draw one option in any of the forms that it can be written in."""
    names = ("user", "cap-add", "cap-drop", "privileged", "volume", "mount", "tmpfs", "entrypoint")
    flags = [flag for flag in TABLE if not flag.own and flag.name != "help"]
    telling = st.sampled_from([flag for flag in flags if flag.name in names])
    flag = draw(telling | telling | telling | st.sampled_from(flags))
    if flag.kind == "bool":
        value = draw(st.sampled_from(["", "=true", "=false", "=1", "=F", "=0", "=t"]))
        return [f"-{flag.short}" if flag.short and not value else f"--{flag.name}{value}"]
    value = draw(values(flag.name))
    forms = [[f"--{flag.name}={value}"], [f"--{flag.name}", value]]
    if flag.short:
        forms += [
            [f"-{flag.short}={value}"],
            [f"-{flag.short}", value],
            [f"-iP{flag.short}{value}"],
        ]
    return draw(st.sampled_from(forms))


@settings(max_examples=30, deadline=None)
@given(
    given_options=st.lists(options(), max_size=5),
    dashes=st.sampled_from([[], ["--"]]),
    rest=st.sampled_from([["img"], ["img", "a"], ["img", "--privileged"], ["img", "--", "-u0"]]),
    user=st.sampled_from([user for user in IMAGES if user != NOTHING_TO_RUN]),
)
def test_nothing_unlawful_reaches_the_engine(
    docker_cli: str, given_options: list[list[str]], dashes: list[str], rest: list[str], user: str
) -> None:
    """Whatever is written, non-root containers lose everything and are never privileged."""
    words = [word for option in given_options for word in option]
    case = Case((*words, *dashes, *rest), user)
    done = lawfully(docker_cli, case)
    assert "Traceback" not in done.stderr
    assert [fault for body in done.creates for fault in broken(body, case.image)] == []
