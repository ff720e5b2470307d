"""An engine that answers slowly, with garbage, or half, at any question that saferun asks it."""

from __future__ import annotations

import re
import secrets
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from tests.kernel.faults.conftest import IMAGE, LONG
from tests.kernel.faults.scene import COMMAND, ZEROS
from tests.kernel.faults.spoiler import BAD, Spoiler
from tests.kernel.faults.test_kills import USER
from tests.kernel.programs import running, saferun_words, until
from tests.kernel.test_receipts import changed

if TYPE_CHECKING:
    from pathlib import Path

    from tests.kernel.faults.private_engine import PrivateEngine

#: How long one answer may take here; in truth a minute.
SECONDS = 1
#: saferun that has as little patience.
IMPATIENT = f"""
import saferun.host.engine, saferun.host.engine_sdk
saferun.host.engine.SECONDS = saferun.host.engine_sdk.SECONDS = {SECONDS}"""
#: What ran, though the engine's answer about it could not be read.
ID = re.compile(r"[0-9a-f]{64}\n")


#: Which answer to which question. The first question and the eleventh are of saferun's own client,
#: those between them of the SDK, and from the twelfth on the container has been started.
CASES = (
    [(kind, number) for kind in BAD for number in range(1, 17)]
    if LONG
    else [
        ("silence", 5),
        ("a byte now and then", 1),
        ("a byte now and then", 2),
        ("half", 6),
        ("a length too long", 11),
        ("a web page", 1),
        ("an error without words", 3),
        ("headers without end", 1),
        ("invalid UTF-8", 1),
        ("another shape", 2),
        ("other types", 11),
        ("nested deep", 2),
        ("chunks without end", 10),
        ("trailers without end", 1),
        ("silence", 12),
        ("noise", 4),
    ]
)


@pytest.mark.parametrize(("kind", "number"), CASES)
def test_a_bad_answer_starts_nothing_and_is_told(
    private: PrivateEngine, tmp_path: Path, kind: str, number: int
) -> None:
    """125, in time, in words, and the command was not run; or it could do without that answer.

    Then, and after the start, what ran held nothing. The first run, in the background, with a
    receipt: that asks most.
    """
    mark = tmp_path / "mark"
    mark.mkdir()
    mark.chmod(0o777)
    name = f"saferun-test-{secrets.token_hex(4)}"
    options = ("-d", "--name", name, "--report", f"{tmp_path}/report", *USER)
    words = [*changed(IMPATIENT), *options, f"--volume={mark}:/mark", IMAGE, *COMMAND]
    began = time.monotonic()
    with Spoiler(private.host, tmp_path / "s", number, BAD[kind]) as way:
        env = {**private.environment, "DOCKER_HOST": way.host, "HOME": str(tmp_path)}
        done = subprocess.run(
            words, env=env, check=False, capture_output=True, text=True, timeout=120
        )
    took = time.monotonic() - began
    seen = mark / "seen"
    ran = set(seen.read_text().splitlines()) if seen.exists() else set()
    private.docker("rm", "--force", "--volumes", name)
    assert ran in (set(), ZEROS)
    lines = done.stderr.splitlines()
    if done.returncode == 0:
        assert ID.fullmatch(done.stdout)
        assert lines == []
    else:
        assert (done.returncode, done.stdout, ran) == (125, "", set()), done
        assert all(line.startswith("saferun: ") for line in lines), done
        assert lines[-1] == "saferun: nothing was started"
        assert 2 <= len(lines) <= 3
        assert len(lines[0]) < 400
    # Whatever an engine does, a hang has an end: a few answers may each take all there is.
    assert took < 15 * SECONDS + 20, (took, done)


@pytest.mark.parametrize(
    ("kind", "number", "presses"),
    [
        ("silence", 1, 1),
        ("a byte now and then", 1, 1),
        ("announcements without end", 1, 1),
        ("silence", 2, 3),
    ],
)
def test_ctrl_c_works_while_an_engine_does_not_answer(
    private: PrivateEngine, tmp_path: Path, kind: str, number: int, presses: int
) -> None:
    """At once, and with a word.

    Not at the first press where something is being made on the engine: as long as it may still say
    what that is, it can be removed. Who does not want to wait for that presses again, and again.
    """
    with Spoiler(private.host, tmp_path / "s", number, BAD[kind]) as way:
        env = {**private.environment, "DOCKER_HOST": way.host, "HOME": str(tmp_path)}
        with running([*saferun_words(), *USER, IMAGE, "true"], env) as process:
            until(lambda: way.happened)
            began = 0.0
            for _ in range(presses):
                time.sleep(0.2)
                began = time.monotonic()
                process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, b"")
    assert err == b"saferun: interrupted; nothing was started\n"
    assert time.monotonic() - began < 5
