"""Every console session in the README and in docs/ goes as it is shown.

A page is one bash session from its top to its end, in a directory and a home of its own: what
stands in a `console` block after `$ ` (and, continued, after `> `) is typed, and what stands below
must come out, whichever stream it comes from. What differs from run to run (ids, process numbers,
times, paths, the width of columns) is made alike on both sides; `…` stands for anything, alone on
a line for any number of lines.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from saferun.judge.capabilities import mask_of
from tests.kernel.conftest import missing
from tests.kernel.images import GROUP, PASSWD, Entry, file_capabilities, tar
from tests.kernel.programs import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.kernel.conftest import Command

BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PAGES = [
    path
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
    if BLOCK.search(path.read_text(encoding="utf-8"))
]
MASKS = tuple(
    (re.compile(expression, re.MULTILINE), replacement)
    for expression, replacement in (
        (r"[0-9a-f]{64}", "ID"),
        (r"/\.saferun/[0-9a-f]{16}", "PLACE"),
        (r"\b[0-9a-f]{12}\b", "ID"),
        (r"\bprocess \d+", "process N"),
        # the score of an audit depends on the machine; so do the numbers of processes
        (r"\d+\.\d+ +(?=LOW|MODERATE|HIGH|CRITICAL)", "N "),
        (r"((?:CRITICAL|HIGH|MODERATE|LOW) +\S+ +)\d+", r"\1N"),
        (r"\d{4}-\d\d-\d\dT[0-9:]+Z", "TIME"),
        (r"/\S*/docker\b", "DOCKER"),
        (r"[ \t]+", " "),
    )
)
#: Documents that a page speaks of without showing them.
FILES = {
    "shop.json": """{"services": {
        "web": {"image": "registry.example.com/web", "user": "3267", "cap_drop": ["ALL"]},
        "db": {"image": "registry.example.com/db", "user": "3267", "privileged": true}
    }}"""
}
#: Images that pages speak of, and what is done to them; see `contents`.
IMAGES = {
    "busybox": ('CMD ["sh"]',),
    "app": (),
    "web": ('ENTRYPOINT ["entrypoint.sh"]', 'CMD ["httpd", "-f"]'),
}
MARK = "\x1e"


@dataclass
class Step:
    """What is typed, and the lines that come out."""

    typed: str
    lines: list[str] = field(default_factory=list)


@dataclass
class Session:
    """Where a page is played."""

    home: Path
    programs: Path
    environment: Mapping[str, str]

    def here(self, page: str) -> str:
        """Return a page with the paths of this place."""
        page = page.replace("/home/me/.local/bin", str(self.programs))
        page = page.replace("/home/me", str(self.home))
        return page.replace("/var/log/saferun", str(self.home / "log"))


def steps(page: str) -> list[Step]:
    """Return the steps of all sessions of a page, in order."""
    found: list[Step] = []
    for block in BLOCK.findall(page):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append(Step(line[2:]))
            elif line.startswith(">") and not found[-1].lines:
                found[-1].typed += f"\n{line[2:]}"
            else:
                found[-1].lines.append(line)
    return found


def masked(text: str) -> list[str]:
    """Return the lines of an output, with what differs from run to run made alike."""
    for mask, replacement in MASKS:
        text = mask.sub(replacement, text)
    return [line.rstrip() for line in text.strip().splitlines()]


def matches(expected: list[str], out: str) -> bool:
    """Return whether an output is what a page shows."""
    made = ""
    for line in masked("\n".join(expected)):
        if line == "…":
            made += r"(?:.*\n)*?"
        else:
            made += ".*".join(map(re.escape, line.split("…"))) + r"\n"
    return bool(re.fullmatch(made, "".join(f"{line}\n" for line in masked(out))))


def contents(name: str, busybox: str) -> Iterator[Entry]:
    """Yield what is in an image: busybox, and in `web` what cannot work without capabilities."""
    program = Path(busybox).read_bytes()
    listed = subprocess.run([busybox, "--list"], capture_output=True, check=True, text=True)
    special = {}
    if name == "web":
        raw = file_capabilities(mask_of(("NET_RAW",)), effective=True)
        special = {
            "ping": Entry("bin/ping", program, capabilities=raw),
            "su": Entry("bin/su", program, mode=0o4755),
        }
        yield Entry("usr/local/bin/entrypoint.sh", b'#!/bin/sh\nexec "$@"\n', mode=0o700)
    yield Entry("bin/busybox", program)
    for applet in set(listed.stdout.split()) - {"busybox"}:
        yield special.get(applet) or Entry(f"bin/{applet}", target="busybox")
    yield Entry("etc/passwd", PASSWD.encode(), mode=0o644)
    yield Entry("etc/group", GROUP.encode(), mode=0o644)
    yield Entry("tmp", mode=0o1777)


@pytest.fixture(scope="module")
def named_images(docker: Command) -> Iterator[None]:
    """Images by the names that the pages use."""
    for name in IMAGES:
        if docker("image", "inspect", name).status == 0:
            missing(f"the engine has an image {name} of its own")
    busybox = shutil.which("busybox") or missing("no busybox; apt-get install busybox-static")
    for name, changes in IMAGES.items():
        options = [f"--change={change}" for change in changes]
        done = docker("import", *options, "-", name, stdin=tar(contents(name, busybox)))
        assert done.status == 0, done.stderr
    yield
    docker("rmi", "--force", *IMAGES)


@pytest.fixture
def home() -> Iterator[Path]:
    """A home where policies are trusted, which below /tmp they are not; HOME may be there."""
    ours = pwd.getpwuid(os.getuid()).pw_dir
    with tempfile.TemporaryDirectory(prefix=".saferun-test-", dir=ours) as name:
        yield Path(name)


@pytest.fixture
def session(environment: Mapping[str, str], docker: Command, home: Path) -> Iterator[Session]:
    """A place for a page; its containers are removed in the end."""
    programs = Path(sys.executable).parent
    if not (programs / "saferun").exists():
        missing("saferun is not installed beside this Python: pip install --editable .")
    path = f"{programs}:{environment['PATH']}"
    before = set(docker("ps", "--all", "--quiet").stdout.split())
    yield Session(home, programs, {**environment, "HOME": str(home), "PATH": path, "MARK": MARK})
    made = set(docker("ps", "--all", "--quiet").stdout.split()) - before
    if made:
        docker("rm", "--force", "--volumes", *made)


def played(page: list[Step], session: Session) -> list[str]:
    """Return what comes out at each step."""
    for name, content in FILES.items():
        (session.home / name).write_text(content)
    # The mark goes between the steps, and $? stays that of the last one.
    mark = 'before=$?; printf "\\n$MARK"; (exit $before)'
    done = subprocess.run(
        ["bash", "--norc", "--noprofile", "-c", "".join(f"{mark}\n{one.typed}\n" for one in page)],
        cwd=session.home,
        env=session.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        text=True,
        timeout=240,
    )
    return done.stdout.split(MARK)[1:]


@pytest.mark.usefixtures("named_images")
@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_page_tells_what_happens(path: Path, session: Session) -> None:
    """Line by line."""
    page = steps(session.here(path.read_text(encoding="utf-8")))
    came_out = played(page, session)
    wrong = [
        f"$ {step.typed}\n{out.strip()}"
        for step, out in zip(page, came_out, strict=False)
        if not matches(step.lines, out)
    ]
    assert not wrong, "\n".join(wrong)
    assert len(came_out) == len(page), "the session ended before the page"


def test_the_readme_and_the_tutorial_are_among_them() -> None:
    """The pattern finds them."""
    assert {"README", "tutorial"} <= {path.stem for path in PAGES}


def test_another_output_is_noticed() -> None:
    """Also one line more or less, and one digit of a set."""
    assert matches(["a 1", "…", "z…"], "a   1\nb\nc\nzzz\n")
    for expected in (["a 1"], ["a 1", "b"], ["…"]):
        assert matches(expected, "\n".join(expected))
        assert not matches(expected[:1], "a 2") or expected == ["…"]
    assert not matches(["CapBnd: 0000000000000000"], "CapBnd: 0000000000000001")
    assert not matches([], "anything")


def test_the_demo_shows_what_it_says(environment: Mapping[str, str]) -> None:
    """The first thing that the README asks to try; it checks everything that it shows."""
    done = subprocess.run(
        [ROOT / "script" / "demo"],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("All of this was checked while it was shown.\n")
