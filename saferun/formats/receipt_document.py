"""Receipts as bytes: how one is sealed, how several are chained, and what is wrong with either.

A receipt is a JSON object with a `digest`, the sha256 of its canonical form without that member.
In a log each is one line in canonical form, and names in `previous` the sha256 of the line before.
Only what is written exactly so is accepted: then no byte can change, not even a blank, without
being noticed, and no two readers can see different things in the same text.
"""

from __future__ import annotations

import json
from hashlib import sha256

from saferun.judge.capabilities import SETS
from saferun.judge.decision import Masks
from saferun.judge.verify import Evidence, verify

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any

#: The shape of receipts; raised when a reader could be misled by a change. 1 was the shape of
#: --report before there were receipts.
SCHEMA = 2
#: What the first line of a log names as the one before.
FIRST = "sha256:" + "0" * 64
#: Every member of a receipt.
MEMBERS = frozenset(
    (
        *("schema", "saferun", "started", "ended", "caller", "asked", "decision", "user"),
        *("violations", "obligations", "defaults", "notices", "rules", "masks", "argv", "law"),
        *("policy", "image", "engine", "gate", "container", "verdict", "exit"),
        *("previous", "digest"),
    )
)
OUTCOMES = ("confirmed", "contradicted", "unverified")


def digest(data: bytes) -> str:
    """Return the sha256 of bytes, with its name in front, as images have it."""
    return f"sha256:{sha256(data).hexdigest()}"


def policy_digest(sources: Iterable[tuple[str, bytes]]) -> str:
    """Return one digest over every file of a law in its order: path, size and bytes of each."""
    total = sha256()
    for path, data in sources:
        total.update(f"{path}\0{len(data)}\0".encode("utf-8", "surrogateescape") + data)
    return f"sha256:{total.hexdigest()}"


def sealed(document: Mapping[str, Any], previous: str | None = None) -> dict[str, Any]:
    """Return a receipt with its digest; `previous` is what it names as the line before."""
    bare = {key: value for key, value in document.items() if key != "digest"}
    bare["previous"] = previous
    return {**bare, "digest": digest(_canonical(bare))}


def text(receipt: Mapping[str, Any]) -> bytes:
    """Return a receipt as a file of its own."""
    return json.dumps(receipt, indent=2).encode("ascii") + b"\n"


def line(receipt: Mapping[str, Any]) -> bytes:
    """Return a receipt as a line of a log, without the newline."""
    return _canonical(receipt)


def read(data: bytes) -> dict[str, Any]:
    """Return a receipt that has just been written."""
    receipt: dict[str, Any] = json.loads(data)
    return receipt


def following(document: Mapping[str, Any], before: bytes | None) -> bytes:
    """Return the line that follows another one in a log; None: it is the first."""
    return line(sealed(document, FIRST if before is None else digest(before)))


def _canonical(value: Mapping[str, Any]) -> bytes:
    # ASCII, so that nothing depends on encodings; what is not UTF-8 in argv is a lone surrogate.
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode("ascii")


def receipt_faults(data: bytes) -> list[str]:
    """Return what is wrong with a receipt in a file of its own; nothing when it is in order."""
    receipt, faults = _read(data)
    if receipt is not None and not faults and data not in (text(receipt), line(receipt) + b"\n"):
        faults = ["it is not written as saferun writes it, so it has been changed"]
    return faults


def chain_faults(data: bytes, head: str = "") -> Iterator[tuple[int, str]]:
    """Yield what is wrong with a log, with the number of the line.

    `head` is what the digest of the last line is known to be from elsewhere: without it nobody can
    tell that the last lines are missing.
    """
    *lines, rest = data.split(b"\n")
    before = FIRST
    for number, each in enumerate(lines, 1):
        receipt, faults = _read(each)
        if receipt is not None and not faults and line(receipt) != each:
            faults = ["it is not written as saferun writes it, so it has been changed"]
        for fault in faults:
            yield number, fault
        named = None if receipt is None else receipt.get("previous")
        if receipt is not None and named != before:
            yield number, "it does not follow the line before: lines were changed, moved or removed"
        before = digest(each)
    if rest:
        yield len(lines) + 1, "it has no end: the log was cut short"
    if head and before != head:
        yield len(lines), "it is not the last line that is known: lines were changed or removed"


def head(data: bytes) -> str:
    """Return the digest of a log's last whole line, which the next one will name."""
    lines = data.split(b"\n")[:-1]
    return digest(lines[-1]) if lines else FIRST


def as_line(data: bytes) -> bytes | None:
    """Return a receipt in a file of its own as it stands in a log; None when it is none."""
    receipt, _ = _read(data)
    return None if receipt is None else line(receipt)


def is_unfinished(data: bytes) -> bool:
    """Tell whether a receipt is one that was written before the start, and never completed."""
    receipt, _ = _read(data)
    return receipt is not None and receipt.get("ended") is None


def _read(data: bytes) -> tuple[dict[str, Any] | None, list[str]]:
    try:
        receipt = json.loads(data)
    except (ValueError, RecursionError):
        return None, ["it is not JSON"]
    if not isinstance(receipt, dict):
        return None, ["it is not a JSON object"]
    schema = receipt.get("schema")
    if schema != SCHEMA or isinstance(schema, bool):
        return None, [f"its schema is {schema!r}, and this saferun reads {SCHEMA}"]
    faults = [f"it lacks {name}" for name in sorted(MEMBERS - set(receipt))]
    faults += [f"it has {name}, which is no member" for name in sorted(set(receipt) - MEMBERS)]
    if faults:
        return receipt, faults
    try:
        if sealed(receipt, receipt["previous"]) != receipt:
            faults.append("its digest is not that of its content, so it has been changed")
        faults += _contradictions(receipt)
    except (KeyError, TypeError, ValueError, AttributeError):
        faults.append("its members do not have the shape of a receipt's")
    return receipt, faults


def _contradictions(receipt: dict[str, Any]) -> Iterator[str]:
    """Yield what cannot be true together in a receipt, its evidence judged again."""
    denied = receipt["decision"] != "allowed"
    if denied != bool(receipt["violations"]):
        yield f"it says {receipt['decision']}, with {len(receipt['violations'])} violations"
    if denied and (receipt["container"] or receipt["argv"] or receipt["verdict"]):
        yield "it says that something ran that was denied"
    verdict = receipt["verdict"]
    if denied or verdict is None:
        return
    outcome, processes = verdict["outcome"], tuple(map(_evidence, verdict["evidence"]))
    if outcome not in OUTCOMES:
        yield f"its outcome is {outcome!r}"
    masks = receipt["masks"]
    again = verify(
        processes,
        Masks(int(masks["root"], 16), int(masks["other"], 16), masks["no_new_privileges"] is True),
    )
    if processes and again.outcome != outcome:
        yield f"it says {outcome}, and its evidence says {again.outcome}"
        yield from again.reasons
    if not processes and outcome == "confirmed":
        yield "it says confirmed, without evidence"
    if outcome != "confirmed" and not verdict["reasons"]:
        yield f"it says {outcome}, without a reason"


def _evidence(process: dict[str, Any]) -> Evidence:
    real, effective, saved, fs = map(int, process["uids"])
    inh, prm, eff, bnd, amb = (int(process[name], 16) for name in SETS)
    return Evidence(
        int(process["pid"]),
        (real, effective, saved, fs),
        (inh, prm, eff, bnd, amb),
        process["no_new_privileges"] is True,
    )
