"""Completion in the real shells, by their own machinery: what Tab makes of a word."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.shells.conftest import BIN, SHELLS, Place, install, missing, script
from tests.shells.terminal import PROMPT, Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

#: A docker CLI that completes as CLI 23 and later do.
DOCKER = """\
case "$*" in
    '__complete run --na') printf -- '--name\\tAssign a name\\n:4\\n' ;;
    '__complete run --netw') printf -- '--network\\tConnect\\n:4\\n' ;;
    '__complete run --network '* | '__complete run --network='*) printf 'host\\nbridge\\n:4\\n' ;;
    '__complete run '*'busy'* | '__complete run busy'*) printf 'busybox:1.36\\n:4\\n' ;;
    '__complete run --env-file '*) printf ':0\\n' ;;
    __complete*) echo :4 ;;
    *) exit 1 ;;
esac
"""
ROOT = Path(__file__).parents[2]
ZSHRC = "autoload -Uz compinit && compinit -u -D\n"
START = {
    "bash": ["bash", "--noprofile", "--rcfile", "rc", "-i"],
    "zsh": ["zsh", "-i"],
}


@pytest.fixture(scope="session")
def completing(shell: str, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A place with a docker that completes, and saferun's plugin as it is."""
    directory = tmp_path_factory.mktemp(f"{shell}-completion")
    place = install(shell, directory)
    script(directory / "docker" / "docker", DOCKER)
    (place.ours / "docker-saferun").unlink()
    (place.ours / "docker-saferun").symlink_to(BIN / "docker-saferun")
    (directory / "work").mkdir()
    (directory / "work" / "my law.toml").touch()
    (directory / "work" / "envfile").touch()
    place.environ["PATH"] = f"{place.ours}:{place.environ['PATH']}"
    start = f". '{directory}/init'\nPS1='{PROMPT.decode()[:3]}''{PROMPT.decode()[3:]}'\n"
    (directory / "init").write_bytes(os.fsencode(place.init()))
    (directory / "work" / "rc").write_text("bind 'set enable-bracketed-paste off'\n" + start)
    (directory / ".zshrc").write_text(f"{ZSHRC}unsetopt zle_bracketed_paste prompt_sp\n{start}")
    return place


TYPED = [
    ("saferun --saferun-v", ["--saferun-version"]),
    ("saferun --na", ["--name"]),
    ("saferun --policy hard", ["--policy", "hardened"]),
    ("saferun --policy=hard", ["--policy=hardened"]),
    ("saferun --policy my", ["--policy", "my law.toml"]),
    ("saferun --verify of", ["--verify", "off"]),
    ("saferun --explain=j", ["--explain=json"]),
    ("saferun --policy ci --netw", ["--policy", "ci", "--network"]),
    ("saferun --network ho", ["--network", "host"]),
    ("saferun --network=ho", ["--network=host"]),
    ("saferun --env-file env", ["--env-file", "envfile"]),
    ("saferun busy", ["busybox:1.36"]),
    ("saferun busybox:1", ["busybox:1.36"]),
    ("saferun --policy ci -itu 5 busybox:1.", ["--policy", "ci", "-itu", "5", "busybox:1.36"]),
    ("saferun -e 'a b' busy", ["-e", "a b", "busybox:1.36"]),
    ("saferun busybox:1.36 cat env", ["busybox:1.36", "cat", "envfile"]),
]


@pytest.fixture(scope="module")
def terminal(completing: Place) -> Iterator[Terminal | None]:
    """The interactive shell, ready to be typed into; fish is asked without one."""
    if completing.shell == "fish":
        yield None
        return
    work = completing.ours.parents[1] / "work"
    with Terminal(START[completing.shell], completing.environ, str(work)) as opened:
        opened.wait_for(PROMPT)
        yield opened


def completed(completing: Place, terminal: Terminal | None, line: str) -> list[str]:
    """Return the words behind the command once the last of them is completed."""
    work = completing.ours.parents[1] / "work"
    completing.notes()
    if completing.shell == "fish":
        done = completing.run(f'cd {work}; complete -C "{line}"')
        assert done.stderr == b""
        (found,) = {one.partition("\t")[0] for one in os.fsdecode(done.stdout).splitlines()}
        return [*shlex.split(line)[1:-1], found]
    assert terminal is not None
    terminal.type(f"{line}\t\n")
    terminal.wait_for(PROMPT)
    ((_, *called),) = completing.notes()
    return called


@pytest.mark.parametrize(("line", "words"), TYPED, ids=[line for line, _ in TYPED])
def test_tab(completing: Place, terminal: Terminal | None, line: str, words: list[str]) -> None:
    """A word that can become one thing only becomes it: docker's flags, values, images, ours."""
    assert completed(completing, terminal, line) == words


def test_where_saferun_is_not_on_the_path(completing: Place) -> None:
    """Without the program that answers, Tab is silent: no message lands in the line."""
    line = "saferun --saferun-v"
    bare = {**completing.environ, "PATH": "/usr/bin:/bin"}
    if completing.shell == "fish":
        done = completing.run(f"complete -C '{line}'", environ=bare)
        assert (done.stdout, done.stderr) == (b"", b"")
        return
    work = completing.ours.parents[1] / "work"
    with Terminal(START[completing.shell], bare, str(work)) as tab:
        tab.wait_for(PROMPT)
        tab.type(f"{line}\t")
        tab.type("\x15echo do''ne\n")
        assert b"not found" not in tab.wait_for(b"done")


def test_dockers_own_completion_is_kept(completing: Place, tmp_path: Path) -> None:
    """The CLI's script completes docker as before, by way of the function."""
    docker = shutil.which("docker")
    if docker is None:
        missing("no docker CLI; as root: script/engine up")
    script_of = [docker, "completion", completing.shell]
    done = subprocess.run(script_of, capture_output=True, check=False, text=True)
    if done.returncode:
        missing(f"{docker} has no completion of its own")
    theirs = tmp_path / "theirs"
    helper = "/usr/share/bash-completion/bash_completion"
    first = f". {helper}\n" if completing.shell == "bash" else ""
    if first and not Path(helper).exists():
        missing("no bash-completion; apt-get install bash-completion")
    theirs.write_text(first + done.stdout)
    environ = {**completing.environ, "PATH": f"{Path(docker).parent}:/usr/bin:/bin"}
    if completing.shell == "fish":
        told = completing.run(f"source {theirs}; complete -C 'docker run --cidf'", environ=environ)
        assert told.stdout.startswith(b"--cidfile")
        return
    work = completing.ours.parents[1] / "work"
    with Terminal(START[completing.shell], environ, str(work)) as tab:
        tab.wait_for(PROMPT)
        tab.type(f". {theirs}\n")
        tab.wait_for(PROMPT)
        completing.notes()
        tab.type("docker run --cidf\t\n")
        tab.wait_for(PROMPT)
    assert completing.notes() == [["saferun", "--cidfile"]]


def test_saferunctl_completes(completing: Place) -> None:
    """As click writes it."""
    if completing.shell == "fish":
        done = completing.run("complete -C 'saferunctl shell-i'")
        assert done.stdout.split()[:1] == [b"shell-init"]
        return
    work = completing.ours.parents[1] / "work"
    with Terminal(START[completing.shell], completing.environ, str(work)) as tab:
        tab.wait_for(PROMPT)
        tab.type("saferunctl shell-i\tfish\n")
        tab.wait_for(b"docker run, for fish")


def test_the_files_that_the_wheel_installs(completing: Place, tmp_path: Path) -> None:
    """Without shell-init, found by the shells themselves and loaded at the first Tab."""
    shell, files = completing.shell, ROOT / "saferun" / "shells"
    if shell == "fish":
        load = "; ".join(f"source '{files}/{name}.fish'" for name in ("saferun", "saferunctl"))
        asked = f"{load}; complete -C 'saferun --saferun-v'; complete -C 'saferunctl shell-i'"
        done = subprocess.run(
            [*SHELLS[shell], asked], env=completing.environ, capture_output=True, check=True
        )
        assert done.stdout.split()[0] == b"--saferun-version"
        assert b"shell-init" in done.stdout
        return
    prompt = f"PS1='{PROMPT.decode()[:3]}''{PROMPT.decode()[3:]}'\n"
    if shell == "bash":
        loads = "".join(f". '{files}/{name}.bash'\n" for name in ("saferun", "saferunctl"))
        (tmp_path / "rc").write_text(f"bind 'set enable-bracketed-paste off'\n{loads}{prompt}")
    else:
        for name in ("saferun", "saferunctl"):
            (tmp_path / f"_{name}").symlink_to(files / f"{name}.zsh")
        quiet = "unsetopt zle_bracketed_paste prompt_sp\n"
        (tmp_path / ".zshrc").write_text(f"fpath=('{tmp_path}' $fpath)\n{ZSHRC}{quiet}{prompt}")
    environ = {**completing.environ, "HOME": str(tmp_path)}
    with Terminal(START[shell], environ, str(tmp_path)) as tab:
        tab.wait_for(PROMPT)
        completing.notes()
        for _ in range(2):  # zsh replaces the function by itself at the first call
            tab.type("saferun --saferun-v\t\n")
            tab.wait_for(PROMPT)
            assert completing.notes() == [["saferun", "--saferun-version"]]
            tab.type("saferunctl shell-i\tfish\n")
            tab.wait_for(b"docker run, for fish")
            tab.wait_for(PROMPT)
