"""Places of receipts: what is written is whole, in order, and for its owner only."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING

import pytest

from saferun.host.receipt_places import LOG, Directory, File, Journal, Syslog

if TYPE_CHECKING:
    from pathlib import Path


def numbered(before: bytes | None) -> bytes:
    """Return a line that counts on from the one before."""
    return b"%d" % (int(before or b"0") + 1)


def test_a_directory_has_a_file_for_each_and_one_log(tmp_path: Path) -> None:
    """The log grows, the file is replaced, and both are for their owner only."""
    for name in ("one.json", "two.json"):
        place = Directory(str(tmp_path), name)
        place.write(b"a long beginning")
        place.append(numbered)
        place.write(b"the end")
    assert (tmp_path / LOG).read_bytes() == b"1\n2\n"
    assert (tmp_path / "one.json").read_bytes() == b"the end"
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_a_line_that_was_cut_short_stays_and_the_next_one_begins_anew(tmp_path: Path) -> None:
    """A crash must not keep every later run from starting, nor be covered up."""
    (tmp_path / LOG).write_bytes(b"1\n7")
    Directory(str(tmp_path), "one.json").append(numbered)
    assert (tmp_path / LOG).read_bytes() == b"1\n7\n8\n"


def test_a_long_line_is_found_whole(tmp_path: Path) -> None:
    """Longer than what is read at once."""
    long = b"9" * 200_000
    (tmp_path / LOG).write_bytes(b"1\n" + long + b"\n")
    seen: list[bytes | None] = []

    def note(before: bytes | None) -> bytes:
        seen.append(before)
        return b"x"

    Directory(str(tmp_path), "one.json").append(note)
    assert seen == [long]


def test_what_was_removed_meanwhile_is_not_kept(tmp_path: Path) -> None:
    """A file without a name takes everything, and nobody finds it; one may come so, by /dev/fd."""
    place = Directory(str(tmp_path), "one.json")
    for path in tmp_path.iterdir():
        path.unlink()
    with pytest.raises(OSError, match="it was removed meanwhile"):
        place.append(numbered)
    with pytest.raises(OSError, match="it was removed meanwhile"):
        place.write(b"x")
    with tempfile.TemporaryFile() as nameless:
        File(f"/dev/fd/{nameless.fileno()}").write(b"x")
        assert nameless.read() == b"x"


def test_a_line_that_does_not_fit_is_taken_back(tmp_path: Path) -> None:
    """On a full disk the log ends with the last whole line."""
    script = (
        "import resource, signal, sys\n"
        "from saferun.host.receipt_places import Directory\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        f"place = Directory({str(tmp_path)!r}, 'one.json')\n"
        "place.append(lambda before: b'first')\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
        "try:\n    place.append(lambda before: b'x' * 200)\n"
        "except OSError:\n    print('full')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=True, text=True
    )
    assert done.stdout == "full\n"
    assert (tmp_path / LOG).read_bytes() == b"first\n"


def test_many_at_once_make_one_chain(tmp_path: Path) -> None:
    """Each line is made from the one that is really before it."""
    script = (
        "import sys\n"
        "from saferun.host.receipt_places import Directory\n"
        f"place = Directory({str(tmp_path)!r}, sys.argv[1])\n"
        "for _ in range(50):\n"
        "    place.append(lambda before: b'%d' % (int(before or b'0') + 1))\n"
    )
    writers = [
        subprocess.Popen([sys.executable, "-c", script, f"{number}.json"]) for number in range(4)
    ]
    assert [writer.wait(60) for writer in writers] == [0] * 4
    lines = (tmp_path / LOG).read_text().split()
    assert lines == [str(number) for number in range(1, 201)]


def test_what_is_no_place_for_receipts_cannot_be_opened(tmp_path: Path) -> None:
    """A missing directory, a file, a link in place of the log, a name that is taken."""
    (tmp_path / "file").write_text("")
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / LOG).symlink_to(tmp_path / "elsewhere")
    for path in ("missing", "file", "linked"):
        with pytest.raises(OSError, match=r"\w"):
            Directory(str(tmp_path / path), "one.json")
    assert not (tmp_path / "elsewhere").exists()
    with pytest.raises(OSError, match="absolute"):
        Directory("relative", "one.json")
    Directory(str(tmp_path), "one.json")
    with pytest.raises(FileExistsError):
        Directory(str(tmp_path), "one.json")


def test_a_report_may_be_a_pipe(tmp_path: Path) -> None:
    """It gets the document, and is not truncated."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    File(str(pipe)).write(b"{}\n")
    assert os.read(reading, 100) == b"{}\n"
    os.close(reading)


def listener(path: Path) -> socket.socket:
    """Return a log service of a test's own."""
    service = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    service.bind(str(path))
    service.settimeout(5)
    return service


def test_syslog_gets_the_receipt_as_one_message(tmp_path: Path) -> None:
    """authpriv.notice, with our name and pid, and the whole line after it."""
    with listener(tmp_path / "log") as service:
        Syslog(str(tmp_path / "log")).receipt(b'{"a":"%s"}' % (b"x" * 20_000), b"summary")
        head, _, line = service.recv(1 << 18).partition(b": ")
    assert head == b"<85>saferun[%d]" % os.getpid()
    assert json.loads(line) == {"a": "x" * 20_000}


def test_journald_gets_the_receipt_as_a_field(tmp_path: Path) -> None:
    """One line a field, as its native protocol wants it."""
    with listener(tmp_path / "journal") as service:
        Journal(str(tmp_path / "journal")).receipt(b'{"a":1}', b"allowed, confirmed: busybox")
        fields = dict(line.split(b"=", 1) for line in service.recv(1 << 16).splitlines())
    assert fields[b"SAFERUN_RECEIPT"] == b'{"a":1}'
    assert fields[b"MESSAGE"] == b"allowed, confirmed: busybox"
    assert fields[b"SYSLOG_IDENTIFIER"] == b"saferun"
    assert (fields[b"PRIORITY"], fields[b"SYSLOG_FACILITY"]) == (b"5", b"10")


def test_a_service_that_is_not_there_cannot_be_opened(tmp_path: Path) -> None:
    """So that nothing is started."""
    for service in (Syslog, Journal):
        with pytest.raises(OSError, match=r"\w"):
            service(str(tmp_path / "missing"))
