"""An audit as data and as rows: the shape that docs/audit.md promises."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from saferun.formats import audit_report
from saferun.judge.audit import Audited, Finding, Process, Report, Running
from saferun.judge.decision import Decision, Masks
from saferun.judge.exposure import Circumstances, exposure
from saferun.judge.policy import Origin
from saferun.judge.spec import ContainerSpec
from saferun.judge.verify import IDENTITY, Evidence

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "audit.md").read_text(encoding="utf-8")
SPEC = ContainerSpec(user="app", uid=3267, cap_drop=("ALL",))
SEEN = Evidence(
    7, (3267,) * 4, (0, 0, 0, 0x400, 0), no_new_privileges=False, seccomp=2, uid_map=IDENTITY
)
FOUND = Finding(
    "bounding", "MODERATE", "it holds", "drop it", (7, 8, 9, 10), (Origin("f", 3, "k"),)
)
WEB = Audited(
    "1" * 64,
    "web",
    "sha256:" + "2" * 64,
    Running(
        SPEC, Decision((), (), Masks(0, 0)), gated=True, processes=(Process(SEEN, "first", "sh"),)
    ),
    (FOUND,),
    exposure(SPEC, Circumstances(0x400)),
    ("why",),
)
BLIND = Audited("3" * 64, "db", "postgres", unverified=("why not",))
REPORT = Report("unix:///s", "28.2.2", (WEB, BLIND))


def names(value: object) -> set[str]:
    """Every key in a document, however deep."""
    if isinstance(value, dict):
        return set(value) | {name for one in value.values() for name in names(one)}
    if isinstance(value, list):
        return {name for one in value for name in names(one)}
    return set()


def test_every_field_is_documented() -> None:
    """And what is documented is there."""
    documented = set(re.findall(r'"(\w+)":', GUIDE.partition("## JSON")[2].partition("`--log")[0]))
    assert names(audit_report.document(REPORT)) == documented


def test_every_finding_is_documented() -> None:
    """By its id."""
    judge = ROOT / "saferun" / "judge" / "audit.py"
    found = {
        call.args[0].value
        for call in ast.walk(ast.parse(judge.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call)
        and ast.unparse(call.func) == "Finding"
        and isinstance(call.args[0], ast.Constant)
    }
    documented = set(re.findall(r"^\| `([a-z-]+)`", GUIDE, re.MULTILINE))
    assert found == documented
    assert len(found) > 10


def test_a_document() -> None:
    """A container that was judged, and one that could not be."""
    told = audit_report.document(REPORT)
    assert told["schema"] == 1
    assert told["engine"] == {"name": "unix:///s", "version": "28.2.2"}
    assert told["summary"] == {"containers": 2, "findings": 1, "unverified": 2}
    web, blind = told["containers"]
    assert (web["verdict"], blind["verdict"]) == ("fail", "unverified")
    assert web["processes"][0]["CapBnd"] == "0000000000000400"
    assert web["processes"][0]["seccomp"] == "filter"
    assert web["findings"][0]["origins"] == [{"source": "f", "line": 3, "key": "k"}]
    assert web["exposure"]["bounding_set_from"] == "kernel"
    assert (blind["user"], blind["gated"], blind["exposure"]) == (None, None, None)


def test_the_log() -> None:
    """One finding, when and where."""
    entry = audit_report.log_entry("2027-01-31T12:00:00Z", REPORT, WEB, FOUND)
    assert entry["time"] == "2027-01-31T12:00:00Z"
    assert entry["container"] == {"id": "1" * 64, "name": "web", "image": WEB.image}
    assert entry["finding"]["id"] == "bounding"


def test_rows() -> None:
    """What is not known is shown as such, and never as nothing."""
    assert audit_report.rows(REPORT) == [
        (
            *("web", "2" * 12, "app (3267)", "1", "0000000000000400 (1)", "3.1", "MODERATE"),
            "fail",
        ),
        ("db", "postgres", "?", "?", "?", "?", "?", "unverified"),
    ]
    assert audit_report.finding_rows(REPORT) == [
        ("web", "MODERATE", "bounding", "7,8,9 and 1 more", "it holds")
    ]
    assert audit_report.fixes(REPORT) == ["bounding: drop it (f:3 k)"]
    assert audit_report.unverified(REPORT) == [
        "unverified: web: why",
        "unverified: db: why not",
    ]
    ((name, most),) = audit_report.lower_rows(REPORT)
    assert name == "web"
    assert most.startswith("no-new-privileges is not set (-")
