"""How layers decide together, by examples: system, user and an explicit file against a request."""

from __future__ import annotations

import pytest

from saferun import laws
from saferun.formats.docker_run.spec import to_spec
from saferun.judge.evaluate import evaluate
from saferun.judge.rules import Asking, in_force
from tests.judging import command, known

TCPDUMP = '[[allow]]\nimage = "busybox"\ncap-add = ["NET_RAW"]\nreason = "capture"\n'
NO_RAW = '[[deny]]\ncap-add = ["NET_RAW"]\nreason = "spoofing"\n'
NBS = '[nonroot.limits]\ncap-add = ["NET_BIND_SERVICE"]\n'

EXAMPLES = [
    pytest.param(
        '[nonroot.limits]\ncap-add = ["NET_BIND_SERVICE", "CHOWN"]',
        '[nonroot.limits]\ncap-add = ["NET_BIND_SERVICE", "NET_RAW"]',
        "",
        "-u 5 --cap-add=NET_RAW busybox",
        "system:2 nonroot.limits.cap-add",
        id="1 what only the user has",
    ),
    pytest.param(
        '[limits]\nmemory = "2g"',
        '[limits]\nmemory = "1g"',
        '[limits]\nmemory = "4g"',
        "--memory=4g busybox",
        "user:2 limits.memory",
        id="2 the least amount is the witness",
    ),
    pytest.param(
        '[require]\nsecurity-opt = ["no-new-privileges"]',
        "",
        "",
        "--security-opt no-new-privileges=false busybox",
        "system:2 require.security-opt",
        id="3 a requirement that is contradicted",
    ),
    pytest.param(NBS + TCPDUMP, "", "", "-u 5 --cap-add=NET_RAW busybox", "", id="4 exception"),
    pytest.param(
        NBS + TCPDUMP,
        NBS,
        "",
        "-u 5 --cap-add=NET_RAW busybox",
        "user:2 nonroot.limits.cap-add",
        id="5 users may restrict themselves",
    ),
    pytest.param(
        NBS + TCPDUMP + NO_RAW,
        "",
        "",
        "-u 5 --cap-add=NET_RAW busybox",
        "system:8 deny.cap-add",
        id="6 deny subtracts after the join",
    ),
    pytest.param(
        "[limits]\nnetwork = []",
        '[limits]\nnetwork = ["host"]',
        "",
        "--net=host busybox",
        "system:2 limits.network",
        id="7 nobody below loosens",
    ),
    pytest.param(
        '[limits]\nvolume = ["/srv:ro"]',
        '[limits]\nvolume = ["/srv/app"]',
        "",
        "-v /srv/app:/a:ro busybox",
        "",
        id="8 paths and modes meet",
    ),
    pytest.param(
        '[limits]\nvolume = ["/srv:ro"]',
        '[limits]\nvolume = ["/srv/app"]',
        "",
        "-v /srv/app:/a busybox",
        "system:2 limits.volume",
        id="8 writing is not in both",
    ),
    pytest.param(
        '[limits]\nuser = ["1-"]', "", "", "sneaky", "system:2 limits.user", id="9 a name for root"
    ),
    pytest.param(
        "",
        "",
        "",
        "-u 5 --privileged busybox",
        "built-in nonroot.limits.privileged",
        id="10 the built-in law",
    ),
    pytest.param(
        '[limits]\npublish = ["127.0.0.1:*"]',
        '[limits]\npublish = ["*:8080"]',
        "",
        "-p 8080:80 busybox",
        "system:2 limits.publish",
        id="11 all addresses are more than one",
    ),
    pytest.param(
        "[limits]\npids-limit = 512",
        "",
        "",
        "--pids-limit=-1 busybox",
        "system:2 limits.pids-limit",
        id="12 no limit is more than any",
    ),
]


@pytest.mark.parametrize(("system", "user", "explicit", "words", "witness"), EXAMPLES)
def test_examples(system: str, user: str, explicit: str, words: str, witness: str) -> None:
    """Refused by exactly these statements, or allowed."""
    texts = {"system": system, "user": user, "explicit": explicit}
    files = [(name, name, text.encode()) for name, text in texts.items()]
    read = command(words)
    spec = to_spec(read, known(read))
    asking = Asking(spec.image, 1000, frozenset((1000,)), "2026-06-01")
    decision = evaluate(spec, in_force(laws.of_files(files), asking))
    origins = {str(origin) for one in decision.violations for origin in one.origins}
    assert origins == ({witness} if witness else set())
