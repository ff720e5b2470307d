"""`saferunctl receipts verify`: what is said of receipts, logs and directories, and the status."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click import UsageError
from click.testing import CliRunner

from saferun.ctl import CLEAN, FINDINGS, saferunctl
from saferun.errors import SaferunError
from saferun.formats.receipt_document import following, head, sealed, text
from tests.formats.test_receipt_document import receipt

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result


def verify(*words: str) -> Result:
    """Run the command."""
    return CliRunner().invoke(saferunctl, ["receipts", "verify", *words], standalone_mode=False)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A directory with three receipts and their log."""
    before: bytes | None = None
    lines = []
    for number in range(3):
        before = following(receipt(container=str(number)), before)
        lines.append(before + b"\n")
        (tmp_path / f"{number}.json").write_bytes(text(json.loads(before)))
    (tmp_path / "log.jsonl").write_bytes(b"".join(lines))
    return tmp_path


def test_what_is_in_order_is_said_with_the_head_of_the_log(directory: Path) -> None:
    """The head is what somebody may note elsewhere."""
    ends = head((directory / "log.jsonl").read_bytes())
    for path in (directory, directory / "log.jsonl"):
        done = verify(str(path))
        assert done.return_value == CLEAN
        assert done.output == f"{path} is in order; the log's head is {ends}\n"
        assert verify(str(path), "--head", ends).return_value == CLEAN
        assert verify(str(path), "--head", ends[:-1] + "x").return_value == FINDINGS
    done = verify(str(directory / "1.json"))
    assert (done.return_value, done.output) == (CLEAN, f"{directory / '1.json'} is in order\n")


def test_log_and_receipts_of_a_directory_belong_together(directory: Path) -> None:
    """A receipt that is not in the log, and a line that has no receipt."""
    (directory / "2.json").unlink()
    alone = sealed(receipt(container="alone"))
    (directory / "alone.json").write_bytes(text(alone))
    done = verify(str(directory))
    assert done.return_value == FINDINGS
    assert done.output.splitlines() == [
        f"{directory / 'alone.json'}: it is not in the log: lines were changed or removed",
        f"{directory / 'log.jsonl'}:3: its receipt is not in the directory",
    ]


def test_a_run_that_has_not_ended_is_no_finding(directory: Path) -> None:
    """It is named, because saferun may also have been killed."""
    (directory / "now.json").write_bytes(text(sealed(receipt(ended=None, verdict=None))))
    done = verify(str(directory))
    assert done.return_value == CLEAN
    assert f"{directory / 'now.json'}: its run has not ended" in done.output
    told = json.loads(verify(str(directory), "--json").output)
    assert told["schema"] == 1
    assert told["unfinished"] == [str(directory / "now.json")]
    assert told["findings"] == []


def test_a_fault_has_file_and_line(directory: Path) -> None:
    """For people and for programs."""
    log = directory / "log.jsonl"
    log.write_bytes(log.read_bytes().replace(b'"container":"1"', b'"container":"7"'))
    done = verify(str(log))
    assert done.return_value == FINDINGS
    assert done.output.splitlines()[0] == (
        f"{log}:2: its digest is not that of its content, so it has been changed"
    )
    (first, *_) = json.loads(verify(str(log), "--json").output)["findings"]
    assert (first["file"], first["line"]) == (str(log), 2)


@pytest.mark.parametrize("missing", ["nothing.json", "nothing.jsonl", "empty"])
def test_what_cannot_be_read_cannot_be_told(tmp_path: Path, missing: str) -> None:
    """A directory without a log as well."""
    (tmp_path / "empty").mkdir()
    done = verify(str(tmp_path / missing))
    assert isinstance(done.exception, SaferunError)
    assert done.output == ""


def test_nothing_in_a_receipt_steers_the_terminal(tmp_path: Path) -> None:
    """Names of members are whatever the file says."""
    file = tmp_path / "one.json"
    file.write_bytes(text({**receipt(), "\x1b[31m": 1}))
    words = ["receipts", "verify", str(file)]
    done = CliRunner().invoke(saferunctl, words, standalone_mode=False, color=True)
    assert done.return_value == FINDINGS
    assert "it has \\x1b[31m, which is no member" in done.output


def test_a_receipt_has_no_head(directory: Path) -> None:
    """What was asked and not looked at would be taken for confirmed."""
    done = verify(str(directory / "0.json"), "--head", "sha256:0")
    assert isinstance(done.exception, UsageError)
    assert done.output == ""
