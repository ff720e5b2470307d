"""What may come next on a saferun command line, whatever the docker CLI knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from saferun import completion
from saferun.formats.docker_run.flags import TABLE

if TYPE_CHECKING:
    from pathlib import Path

#: CLI 23 and later: flags, values and images.
NEW = """\
case "$*" in
    '__complete run --name=x --netw') printf -- '--network\\tConnect\\n:4\\n' ;;
    '__complete run --network bri') printf 'bridge\\nhost\\n:6\\n' ;;
    '__complete run --network=bri') printf 'bridge\\nhost\\n:4\\n' ;;
    '__complete run --tty=true --volume ') printf ':16\\n' ;;
    '__complete run bu') printf 'busybox:1\\nother:2\\n:4\\n' ;;
    '__complete run --new=x bu') printf 'busybox:1\\n:4\\n' ;;
    'run --help') printf '      --new string   Something new\\n' ;;
    *) echo "unexpected: $*" >&2; printf 'wrong\\n:0\\n' ;;
esac
"""
#: CLI 20.10: flags only.
OLD = """\
case "$*" in
    '__complete run --netw') printf -- '--network\\tConnect\\n:4\\n' ;;
    __complete*) echo :0 ;;
    'images --format {{.Repository}}:{{.Tag}}') printf 'busybox:1\\n<none>:<none>\\nother:2\\n' ;;
esac
"""
#: No cobra, or no engine.
NONE = 'echo "unknown command: $1" >&2; exit 1'


def answer(directory: Path, docker: str, *words: str) -> completion.Answer:
    """Complete the last of the words with a docker CLI that is this script."""
    path = directory / "docker"
    path.write_text(f"#!/bin/sh\n{docker}\n")
    path.chmod(0o755)
    return completion.complete(words[:-1], words[-1], str(path), {"PATH": "/usr/bin:/bin"})


OURS = ["--explain", "--policy", "--report", "--saferun-version", "--verify"]


@pytest.mark.parametrize(
    ("docker", "words", "found", "directive"),
    [
        (NEW, ["--policy", "ci", "--name", "x", "--netw"], ["--network\tConnect"], 4),
        (NEW, ["--network", "bri"], ["bridge"], 6),
        (NEW, ["--network=bri"], ["bridge"], 4),
        (NEW, ["-t", "--policy=a", "--volume", ""], [], 16),
        (NEW, ["bu"], ["busybox:1"], 4),
        (NEW, ["--new", "x", "bu"], ["busybox:1"], 4),
        (NEW, ["img", "bu"], [], 0),
        (NEW, ["--help", ""], [], 4),
        (NEW, ["---", ""], [], 4),
        (OLD, ["--netw"], ["--network\tConnect"], 4),
        (OLD, ["bu"], ["busybox:1"], 4),
        (OLD, [""], ["busybox:1", "other:2"], 4),
        (OLD, ["--network", ""], [], 0),
        (NONE, ["--netw"], ["--network", "--network-alias"], 4),
        (NONE, [""], [], 4),
        (NONE, ["--user", ""], [], 0),
        (NEW, ["--policy", "re"], ["restricted"], 0),
        (NEW, ["--policy=re"], ["restricted"], 0),
        (NEW, ["--report", ""], [], 0),
        (NEW, ["--verify", ""], ["on", "off"], 4),
        (NEW, ["--verify=of"], ["off"], 4),
        (NEW, ["--explain="], ["text", "json"], 4),
        (NEW, ["--verify=maybe", ""], [], 4),
    ],
)
def test_what_may_come_next(
    tmp_path: Path, docker: str, words: list[str], found: list[str], directive: int
) -> None:
    """docker's own answer where it has one; saferun's options are kept from it."""
    assert answer(tmp_path, docker, *words) == (found, directive)


def test_all_flags(tmp_path: Path) -> None:
    """Ours stand beside docker's, and each of ours says what it is for."""
    found, _ = answer(tmp_path, NONE, "--")
    names = [one.partition("\t")[0] for one in found]
    assert set(names) == {f"--{flag.name}" for flag in TABLE}
    assert [one.partition("\t")[0] for one in found if "\t" in one] == OURS


def test_a_docker_that_hangs_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever pressed Tab gets what is known without it."""
    monkeypatch.setattr(completion, "SECONDS", 0.2)
    assert answer(tmp_path, "exec sleep 60", "--netw")[0] == ["--network", "--network-alias"]


def test_what_cannot_be_executed_is_no_traceback(tmp_path: Path) -> None:
    """A docker that has gone away has nothing to say."""
    found, _ = completion.complete([], "--netw", str(tmp_path / "none"), {})
    assert found == ["--network", "--network-alias"]
