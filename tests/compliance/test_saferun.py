"""saferun does with every command line what docker does, and its own promise besides.

Each list of command_lines.txt is judged by `oracle`.
"""

from __future__ import annotations

import shutil
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saferun.formats.docker_run.flags import TABLE
from tests.compliance.command_lines import SECTIONS, read
from tests.compliance.expected import broken
from tests.compliance.oracle import (
    IMAGES,
    NOTHING_TO_RUN,
    OTHER_REASON,
    OTHERS,
    Case,
    Verdict,
    judged,
    lawfully,
)

if TYPE_CHECKING:
    from pathlib import Path

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
#: Each play is processes that mostly wait for a core.
WORKERS = 4


def cases(section: str) -> list[Case]:
    """Return the lists of a section, each with an image in turn, or with every image."""
    users = [user for user in IMAGES if user != NOTHING_TO_RUN]
    turn = list(LISTS).index(section)
    return [
        Case(tuple(words), user)
        for number, words in enumerate(LISTS[section], turn)
        for user in (IMAGES if section == WITH_EVERY_IMAGE else [users[number % len(users)]])
    ]


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
    assert found[OTHER_REASON] == 0
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
