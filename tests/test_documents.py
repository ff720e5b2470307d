"""What the documents say is true: every policy in them is one, every test they name exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from saferun import laws
from saferun.formats import report
from saferun.formats.docker_run.flags import TABLE
from saferun.judge.decision import Decision, Masks
from saferun.judge.spec import ContainerSpec

ROOT = Path(__file__).parents[1]
PAGES = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in (*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"))
}
BLOCK = re.compile(r"^```toml\n(.*?)^```", re.MULTILINE | re.DOTALL)
BLOCKS = [
    pytest.param(block, id=f"{name} {number}")
    for name, page in PAGES.items()
    for number, block in enumerate(BLOCK.findall(page), 1)
]


@pytest.mark.parametrize("block", BLOCKS)
def test_every_policy_that_is_shown_is_valid(block: str) -> None:
    """Readers copy them."""
    text = block.replace('"./another.toml"', '"baseline"')
    assert len(laws.of_files([("explicit", "/p", text.encode())])) == 2


def test_there_are_some() -> None:
    """The pattern finds them."""
    assert len(BLOCKS) >= 5


NAMED = sorted(
    set(re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", (ROOT / "docs/attacks.md").read_text()))
)


@pytest.mark.parametrize(("file", "test"), NAMED)
def test_every_guard_that_is_named_exists(file: str, test: str) -> None:
    """A table of attacks is worth what its tests are."""
    text = (ROOT / file).read_text(encoding="utf-8")
    assert not test or f"def {test}(" in text


def test_attacks_are_named() -> None:
    """The pattern finds them."""
    assert len(NAMED) >= 40


#: Links that are none: code between backticks and in blocks.
CODE = re.compile(r"^```.*?^```$|`[^`\n]*`", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^()\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
LINKS = [
    (name, target)
    for name, page in PAGES.items()
    for target in dict.fromkeys(LINK.findall(CODE.sub("`", page)))
    if not target.startswith("https://")
]


def anchors(page: str) -> set[str]:
    """Return what its headings are called in links, as GitHub and GitLab do it."""
    titles = HEADING.findall(re.sub(r"^```.*?^```$", "", page, flags=re.MULTILINE | re.DOTALL))
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize(("name", "target"), LINKS)
def test_every_link_leads_somewhere(name: str, target: str) -> None:
    """To a file that is there, and to a heading that is in it."""
    path, _, anchor = target.partition("#")
    file = (ROOT / name).parent / path if path else ROOT / name
    assert file.exists()
    assert not anchor or anchor in anchors(file.read_text(encoding="utf-8"))


def test_every_page_can_be_found() -> None:
    """From the index."""
    linked = {target.partition("#")[0] for name, target in LINKS if name == "docs/index.md"}
    assert {path.name for path in (ROOT / "docs").glob("*.md")} - linked == {"index.md"}


def test_every_member_of_a_decision_is_documented() -> None:
    """And what is documented is there."""
    table = PAGES["docs/reference.md"].partition("### The decision")[2]
    document = report.document(ContainerSpec(), Decision((), (), Masks(0, 0)), (), (), ())
    assert {*re.findall(r"^\| `(\w+)`", table, re.MULTILINE), "schema"} == document.keys()


def test_every_option_of_our_own_is_documented() -> None:
    """In the reference, as in the help and in the manual page."""
    table = PAGES["docs/reference.md"].partition("## Options of saferun")[2].partition("\n## ")[0]
    own = {f"--{flag.name}" for flag in TABLE if flag.own}
    assert set(re.findall(r"`(--[a-z-]+)", table)) == own | {"--help", "--version"}
