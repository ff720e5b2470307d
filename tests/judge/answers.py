"""What every control answers to its own cases, and to some more, word by word: `answers.txt`.

    python -m tests.judge.answers > tests/judge/answers.txt

writes it anew; what has changed in it is what people will be told.
"""

from __future__ import annotations

import sys
from pathlib import Path

from saferun.judge.checks import CONTROLS, control
from saferun.judge.control import Case
from tests.judging import decide

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from saferun.judge.policy import Origin

FILE = Path(__file__).with_suffix(".txt")
#: Cases that are no examples for readers, but are told something else.
MORE: dict[str, tuple[Case, ...]] = {
    "privileged": (Case("[nonroot.limits]\nprivileged = false\ncap-add = []", "-u 5 busybox"),),
    "cap_add": (
        Case("", "-u 5 --cap-add=NOPE --cap-add= busybox"),
        Case('[limits]\ncap-add = ["CHOWN", "KILL"]', "--cap-add=ALL busybox"),
        Case('[limits]\ncap-add = ["ALL"]', "--cap-add=ALL --cap-add=NOPE busybox"),
        Case('[limits]\ncap-add = ["CHOWN"]', "--cap-add=KILL --cap-add=FOWNER busybox"),
        Case(
            '[limits]\ncap-add = ["CHOWN"]\n[nonroot.limits]\ncap-add = ["KILL"]',
            "-u 5 --cap-add=KILL --cap-add=CHOWN busybox",
        ),
        Case('[require]\ncap-drop = ["ALL"]\n[limits]\ncap-add = []', "--cap-add=ALL busybox"),
        Case('[[deny]]\nreason = "x"\ncap-add = ["KILL"]', "--cap-add=ALL busybox"),
        Case('[[deny]]\nreason = "x"\ncap-add = ["ALL"]', "--cap-add=KILL busybox"),
    ),
    "cap_drop": (
        Case("[nonroot.limits]\nprivileged = true", "-u 5 --privileged busybox"),
        Case("[limits]\nprivileged = true", "-u 5 --privileged busybox"),
        Case("", "-u 5 --privileged busybox"),
        Case("", "-u 5 --cap-drop=ALL busybox"),
        Case("", "-u 5 --cap-drop=KILL busybox"),
    ),
    "cgroupns": (
        Case('[limits]\ncgroupns = ["host"]', "--cgroupns=private busybox"),
        Case('[[deny]]\nreason = "x"\ncgroupns = ["host"]', "busybox"),
        Case('[[deny]]\nreason = "x"\ncgroupns = ["private"]', "busybox"),
    ),
    "forbid": (Case('[limits]\nforbid = ["dns"]', "--label a=b --dns 10.0.0.1 busybox"),),
    "publish": (
        Case('[limits]\npublish = ["127.0.0.1:8080"]', "-p 8080:80 -p [::1]:8080:80 busybox"),
        Case("[limits]\npublish = []", "-p 10.0.0.1::80 -p 8080-8081:80-81 busybox"),
        Case('[limits]\npublish = ["127.0.0.1:*"]', "-p [::1]::80/udp busybox"),
    ),
    "network": (
        Case("[limits]\nnetwork = []", "--network=container:etc busybox"),
        Case("[limits]\nnetwork = []", "--network=host busybox"),
    ),
    "ipc": (Case('[limits]\nipc = ["shareable"]', "--ipc=none busybox"),),
    "ulimit": (
        Case('[limits]\nulimit = ["nofile=5"]', "--ulimit core=-1 --ulimit nofile=6:9 busybox"),
    ),
    "restart": (
        Case('[limits]\nrestart = ["on-failure:5"]', "--restart=unless-stopped busybox"),
        Case('[[deny]]\nreason = "x"\nrestart = ["on-failure:2"]', "--restart=on-failure:9 b"),
        Case('[[deny]]\nreason = "x"\nrestart = ["on-failure:2"]', "--restart=always busybox"),
    ),
    "volume": (
        Case("[limits]\nvolume = []", "-v /srv:/x:ro -v /proc/self/cwd:/y busybox"),
        Case("[limits]\nvolume = []", "-v /srv:/x:shared -v data:/y -v /anonymous busybox"),
        Case('[limits]\nvolume = ["*"]', "-v nfsvol:/x --volume-driver=rclone -v new:/y busybox"),
        Case('[limits]\nvolume = ["*"]', "--volume-driver=rclone busybox"),
        Case('[limits]\nvolume = ["*"]', "--mount type=cluster,src=a,dst=/x busybox"),
        Case(
            '[limits]\nvolume = ["*"]\nvolume-driver = ["*"]',
            "-v nfsvol:/x --volume-driver=rclone -v new:/y busybox",
        ),
    ),
    "volume_driver": (
        Case("[limits]\nvolume-driver = []", "-v etcvol:/x -v nfsvol:/y -v data:/z busybox"),
        Case('[limits]\nvolume-driver = ["local"]', "-v /srv:/x --volume-driver=rclone busybox"),
        Case('[limits]\nvolume-driver = ["local"]', "--mount type=volume,dst=/x busybox"),
    ),
    "security_opt": (
        Case("[limits]\nsecurity-opt = []", "--security-opt seccomp=/gone.json busybox"),
        Case(
            '[[deny]]\nreason = "x"\nsecurity-opt = ["seccomp=sha256:*"]',
            "--security-opt seccomp=/gone.json busybox",
        ),
        Case(
            '[limits]\nsecurity-opt = ["writable-cgroups"]',
            "--security-opt writable-cgroups busybox",
        ),
        Case('[require]\nsecurity-opt = ["no-new-privileges"]', "--privileged busybox"),
    ),
    "add_host": (
        Case("[limits]\nadd-host = []", "--add-host DB:10.0.0.1 busybox"),
        Case('[limits]\nadd-host = ["db:[::1]"]', "--add-host db:0:0::1 busybox"),
        Case('[limits]\nadd-host = ["db:10.0.0.1"]', "--add-host db:::ffff:10.0.0.1 busybox"),
    ),
    "oom_score_adj": (
        Case("[limits]\noom-score-adj = -5", "--oom-score-adj=-6 busybox"),
        Case("[limits]\noom-score-adj = -5", "--oom-score-adj=-5 busybox"),
    ),
    "shm_size": (
        Case('[limits]\nshm-size = "64m"', "busybox"),
        Case('[limits]\nshm-size = "65m"', "busybox"),
    ),
    "memory": (Case('[limits]\nmemory = "64m"\n[require]\nmemory = true', "--memory=0 busybox"),),
    "cpus": (Case("[require]\ncpus = true", "--cpus=2 busybox"),),
    "tmpfs": (
        Case('[[deny]]\nreason = "x"\ntmpfs = ["/tmp:exec"]', "--tmpfs /tmp --tmpfs /run busybox"),
        Case('[[deny]]\nreason = "x"\ntmpfs = ["/tmp:exec"]', "--tmpfs /tmp/x:exec busybox"),
    ),
    "receipts": (
        Case('[require]\nreceipts = ["/var/r", "/srv/r"]', "-v /proc/self/cwd:/x busybox"),
        Case('[require]\nreceipts = ["/var/r", "/srv/r"]', "-v /srv/r/x:/x -v data:/y busybox"),
    ),
    "verification": (Case('[limits]\nverify = ["off"]', "--verify=on busybox"),),
}
#: What is answered where the engine tells nothing of itself.
UNSEEN = {
    "log_driver": (Case('[limits]\nlog-driver = ["*"]', "busybox"),),
    "runtime": (
        Case('[limits]\nruntime = ["runc", "kata-*"]', "busybox"),
        Case("[limits]\nruntime = []", "busybox"),
        Case('[[deny]]\nreason = "x"\nruntime = ["runsc"]', "busybox"),
        Case("", "busybox"),
    ),
    "security_opt": (Case('[require]\nsecurity-opt = ["seccomp"]', "busybox"),),
    "cgroupns": (Case('[limits]\ncgroupns = ["private"]', "--cgroupns=host busybox"),),
}


def answers(name: str) -> str:
    """Return what one control answers to the cases."""
    own = control(name)
    seen = (*own.passes, *own.refuses, *MORE.get(name, ()))
    lines = [line for case in seen for line in _answer(own.id, case)]
    lines += [line for case in UNSEEN.get(name, ()) for line in _answer(own.id, case, engine=None)]
    return "\n".join(lines)


def _answer(control_id: str, case: Case, **more: object) -> Iterator[str]:
    law = case.law.replace("\n", " ")
    yield f"{law or 'no law'} | {case.words}{' (the engine tells nothing)' if more else ''}"
    decision = decide(case.law, case.words, **more)
    for violation in decision.violations:
        if violation.check == control_id:
            beyond = f" (a limit on {violation.key})" if violation.key else ""
            yield f"    refused: {violation.reason}{beyond}"
            yield from (f"        {line}" for line in (violation.detail, violation.hint) if line)
            yield from _origins(violation.origins)
    for obligation in decision.obligations:
        if obligation.check == control_id:
            yield f"    added: --{obligation.flag}={obligation.value}: {obligation.reason}"
            yield from _origins(obligation.origins)


def _origins(origins: tuple[Origin, ...]) -> Iterator[str]:
    if origins:
        yield f"        by: {', '.join(map(str, origins))}"


def kept() -> dict[str, str]:
    """Return what the file says, by control."""
    sections = FILE.read_text(encoding="utf-8").rstrip("\n").split("\n\n")
    return {name: rest for name, _, rest in (section.partition("\n") for section in sections)}


if __name__ == "__main__":
    sys.stdout.write("\n\n".join(f"{name}\n{answers(name)}" for name in CONTROLS) + "\n")
