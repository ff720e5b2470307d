"""Receipts as bytes: whatever is changed in one, or in a log of them, is found."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saferun.formats.receipt_document import (
    FIRST,
    MEMBERS,
    SCHEMA,
    as_line,
    chain_faults,
    digest,
    following,
    head,
    is_unfinished,
    policy_digest,
    receipt_faults,
    sealed,
    text,
)

NOTHING = "0" * 16
PROCESS = {
    "pid": 7,
    "uids": [3267] * 4,
    "no_new_privileges": False,
    **dict.fromkeys(("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"), NOTHING),
}


def receipt(**changes: object) -> dict[str, Any]:
    """Return the content of a receipt of a run that was confirmed, and what is to be different."""
    content: dict[str, Any] = dict.fromkeys(MEMBERS - {"previous", "digest"})
    return {
        **content,
        "schema": SCHEMA,
        "decision": "allowed",
        "violations": [],
        "argv": ["docker", "run", "--", "é\udcff", "\u2028"],
        "masks": {"root": NOTHING, "other": NOTHING, "no_new_privileges": False},
        "container": "c" * 64,
        "ended": "2026-01-01T00:00:00Z",
        "verdict": {"outcome": "confirmed", "reasons": [], "evidence": [PROCESS]},
        **changes,
    }


def log(*documents: dict[str, Any]) -> bytes:
    """Return a log of receipts."""
    lines: list[bytes] = []
    for document in documents:
        lines.append(following(document, lines[-1] if lines else None))
    return b"".join(line + b"\n" for line in lines)


LOG = log(receipt(), receipt(container="d" * 64), receipt(exit={"status": 1, "signal": None}))
ALONE = text(sealed(receipt()))


def faults(data: bytes, known: str = "") -> list[tuple[int, str]]:
    """Return what is wrong with a log."""
    return list(chain_faults(data, known))


def test_what_was_written_is_in_order() -> None:
    """Alone, as a line, in a log, and in an empty one."""
    assert receipt_faults(ALONE) == []
    assert receipt_faults(LOG.split(b"\n")[0] + b"\n") == []
    assert faults(LOG) == faults(b"") == []
    assert faults(LOG, head(LOG)) == []
    assert json.loads(LOG.split(b"\n")[0])["previous"] == FIRST


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_any_single_byte_that_changes_in_a_log_is_found(data: st.DataObject) -> None:
    """Also a blank, also in the last line, also a newline."""
    at = data.draw(st.integers(0, len(LOG) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda byte: byte != LOG[at]))
    assert faults(LOG[:at] + bytes([byte]) + LOG[at + 1 :])


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_single_byte_that_is_added_or_removed_is_found(data: st.DataObject) -> None:
    """In a log, and in a receipt of its own."""
    chained = data.draw(st.booleans())
    content = LOG if chained else ALONE
    at = data.draw(st.integers(0, len(content) - 1))
    byte = bytes([data.draw(st.integers(0, 255))])
    for changed in (content[:at] + content[at + 1 :], content[:at] + byte + content[at:]):
        assert faults(changed) if chained else receipt_faults(changed)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_single_byte_that_changes_in_a_receipt_is_found(data: st.DataObject) -> None:
    """Its own digest, and its form, leave none out."""
    at = data.draw(st.integers(0, len(ALONE) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda byte: byte != ALONE[at]))
    assert receipt_faults(ALONE[:at] + bytes([byte]) + ALONE[at + 1 :])


def test_every_byte_counts() -> None:
    """Each one in turn, with its lowest bit flipped."""
    for content, check in ((LOG, faults), (ALONE, receipt_faults)):
        for at in range(0, len(content), 3):
            assert check(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]), at


def test_lines_that_are_moved_or_removed_are_named_by_number() -> None:
    """A gap, an exchange, a repetition, and an end that was cut off."""
    one, two, three = LOG.splitlines(keepends=True)
    gap = "it does not follow the line before: lines were changed, moved or removed"
    assert faults(one + three) == [(2, gap)]
    assert faults(two + three) == [(1, gap)]
    assert faults(one + three + two) == [(2, gap), (3, gap)]
    assert faults(one + one) == [(2, gap)]
    assert faults(LOG[:-1]) == [(3, "it has no end: the log was cut short")]


def test_lines_that_are_missing_at_the_end_are_found_by_who_knows_the_last() -> None:
    """The log alone cannot tell; the head that was noted elsewhere can."""
    one, two, _ = LOG.splitlines(keepends=True)
    assert faults(one + two) == []
    ((number, fault),) = faults(one + two, head(LOG))
    assert number == 2
    assert "not the last line" in fault


def test_a_line_with_a_right_digest_in_another_form_is_found() -> None:
    """Whoever can compute a digest still cannot hide a second meaning in the same line."""
    content = json.loads(LOG.splitlines()[0])
    spaced = json.dumps(content, sort_keys=True).encode() + b"\n"
    doubled = LOG.splitlines()[0].replace(b'{"argv"', b'{"container":"x","argv"', 1) + b"\n"
    for data in (spaced, doubled):
        assert "not written as saferun writes it" in faults(data)[0][1]


LIES: list[tuple[dict[str, Any], str]] = [
    ({"violations": [{}]}, "it says allowed, with 1 violations"),
    ({"decision": "denied"}, "it says denied, with 0 violations"),
    ({"decision": "denied", "violations": [{}]}, "something ran that was denied"),
    ({"verdict": {"outcome": "confirmed", "reasons": [], "evidence": []}}, "without evidence"),
    ({"verdict": {"outcome": "unverified", "reasons": [], "evidence": []}}, "without a reason"),
    ({"verdict": {"outcome": "fine", "reasons": ["x"], "evidence": []}}, "its outcome is 'fine'"),
    (
        {
            "verdict": {
                "outcome": "confirmed",
                "reasons": [],
                "evidence": [{**PROCESS, "CapBnd": "0000000000000400"}],
            }
        },
        "it says confirmed, and its evidence says contradicted",
    ),
    (
        {"masks": {"root": NOTHING, "other": NOTHING, "no_new_privileges": True}},
        "it says confirmed, and its evidence says contradicted",
    ),
    (
        {"verdict": {"outcome": "contradicted", "reasons": ["x"], "evidence": [PROCESS]}},
        "it says contradicted, and its evidence says confirmed",
    ),
]


@pytest.mark.parametrize(("changes", "said"), LIES)
def test_what_cannot_be_true_is_found_whoever_sealed_it(changes: dict[str, Any], said: str) -> None:
    """The evidence is judged again by the masks that were decided."""
    found = receipt_faults(text(sealed(receipt(**changes))))
    assert any(said in fault for fault in found), found


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"{", b"null", b"[]", b"1", b"\xff", b"{}", b'{"schema":1}', b'{"schema":true}'),
        *(b"[" * 100_000, b'{"schema":2}', text(sealed(receipt(verdict="x")))),
        *(text(sealed(receipt(masks=None))), text(sealed(receipt(more=1)))),
        text(sealed(receipt(verdict={"outcome": "confirmed", "reasons": [], "evidence": [{}]}))),
    ],
    ids=lambda data: repr(data[:20]),
)
def test_what_is_no_receipt_is_told_and_never_a_traceback(data: bytes) -> None:
    """Each has at least one fault."""
    assert receipt_faults(data)
    assert faults(data + b"\n")


def test_a_run_that_was_denied_has_no_container() -> None:
    """Its receipt is in order, and it is known when it is not complete yet."""
    denied = receipt(decision="denied", violations=[{}], container="", argv=[], verdict=None)
    assert receipt_faults(text(sealed(denied))) == []
    line = as_line(text(sealed(receipt(ended=None, verdict=None))))
    assert line is not None
    assert is_unfinished(line)
    assert not is_unfinished(LOG.splitlines()[0])


def test_the_policy_digest_is_over_paths_bytes_and_order() -> None:
    """And nothing can be moved from one file into the next."""
    digests = {
        policy_digest(files)
        for files in (
            [],
            [("/a", b"x")],
            [("/b", b"x")],
            [("/a", b"y")],
            [("/a", b"x"), ("/b", b"y")],
            [("/b", b"y"), ("/a", b"x")],
            [("/a", b"xy"), ("/b", b"")],
            [("/a", b"x"), ("/b", b"y"), ("/b", b"y")],
        )
    }
    assert len(digests) == 8
    assert digest(b"") == "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
