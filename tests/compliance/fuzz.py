"""Made-up command lines, thousands of them, each judged by `oracle`.

    python -m tests.compliance.fuzz --lines 100000 --seed 1

A grammar draws on the whole flag table: every spelling, clusters of letters, values that are valid
and not, flags repeated and contradictory. A line is known by seed and number, so that every run of
a seed is the same and one line can be played again (--only NUMBER). Lines that once found a fault
are kept in command_lines.txt.

saferun runs in a fork of this process, which spares thousands of interpreters their start; that it
becomes docker is real.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from saferun.formats.docker_run.flags import ALIASES, TABLE
from tests.compliance.oracle import IMAGES, Case, judged

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from saferun.formats.docker_run.flags import Flag
    from tests.compliance.oracle import Verdict

FLAGS = [flag for flag in TABLE if not flag.own and flag.name != "help"]
LETTERS = [flag for flag in FLAGS if flag.short and flag.kind == "bool"]
#: Flags that the promise is about, and that come more often therefore.
TELLING = [
    flag
    for flag in FLAGS
    if flag.name
    in {
        *("user", "cap-add", "cap-drop", "privileged", "volume", "mount", "tmpfs", "entrypoint"),
        *("security-opt", "volumes-from", "platform", "detach", "rm", "network", "pid", "userns"),
    }
]
SIZES = ["64m", "1g", "0", "-1", "1.5g", "64 m", "x", "", "9223372036854775808", "1k", "32MiB"]
NUMBERS = ["0", "1", "-1", "10", "0x10", "010", "1_0", "+5", "x", "", "4294967296", "1.5"]
SWITCHES = ["", "=true", "=false", "=1", "=0", "=t", "=F", "=TRUE", "=yes", "=", "=no", "= true"]
PLACES = ["/a", "/.saferun", "/.saferun/x", "/etc", "/etc/passwd", "/", "x", ".", "..", "~", ""]
#: Values by flag: those that mean something, and those that nearly do.
VALUES: dict[str, Sequence[str]] = {
    "user": [
        *("3267", "app", "toor", "root", "0", "00", "+0", "-0", ":", ":5", "0:0", "app:app", ""),
        *("nobody", "0x0", " 0", "0 ", "4294967296", "-1", "3267:0", "a:b:c", "\u0660", "\uff11"),
    ],
    "cap-add": [
        *("ALL", "all", "CAP_ALL", "cap_all", "SYS_ADMIN", "cap_net_raw", "NET_BIND_SERVICE", ""),
        *("ALL,CHOWN", " ALL", "\u017fys_admin", "CHOWN", "CAP_CAP_CHOWN", "40", "nonsense"),
    ],
    "cap-drop": ["ALL", "all", "CHOWN", "cap_kill", "", "nonsense", "CAP_ALL"],
    "volume": [
        *("/a:/b", "/a:/b:ro", "/a:/b:ro,z", "n:/b", "n:/b:nocopy", "/b", "/a:/.saferun", "./x:/b"),
        *("/.saferun/x", "n:/etc", ".saferun", "/a:/etc/passwd", "a:b:c:d", ":", "::", "c:\\a:/b"),
        *("/a:b", "saferun-gate-0:/x", "/a:/b:rshared", "/a:/b:ro:rw", "", "/a//b:/c/../d", "a"),
    ],
    "mount": [
        *("type=tmpfs,dst=/t", "type=tmpfs,dst=/.saferun", "type=bind,src=/a,dst=/etc", "dst=/v"),
        *("type=volume,src=n,dst=/v,readonly", "type=bind,source=/a,target=/b,ro=false", "", "x"),
        *(
            "TYPE=bind,SRC=/a,DST=/b",
            '"type=tmpfs","dst=/a,b"',
            "type=bind,src=/a",
            "type=x,dst=/a",
        ),
        *("type=volume,dst=/v,volume-driver=local,volume-opt=o=bind,volume-opt=device=/etc",),
        *("type=image,src=i,dst=/i", "dst=/a,dst=/.saferun", "type=tmpfs,dst=/t,tmpfs-mode=1777"),
        *("type=bind,src=/a,dst=/b,bind-propagation=rshared", "type=volume,dst=relative"),
        *("type=bind,src=/a,dst=/b,volume-nocopy", "type=npipe,src=a,dst=b", "type=cluster,dst=/c"),
    ],
    "tmpfs": ["/t", "/.saferun", "/etc", "/t:size=1m", "/t:ro", "t", "", "/t:nonsense", "/t:ro:x"],
    "entrypoint": ["/x", "", "--privileged", "sh -c", "saferun", "/.saferun/gate-amd64", "\n"],
    "security-opt": [
        *("no-new-privileges", "no-new-privileges=false", "no-new-privileges:true", "nonsense"),
        *("seccomp=unconfined", "seccomp:unconfined", "seccomp=seccomp.json", "seccomp=missing"),
        *("apparmor=x", "label=disable", "label:type:t", "systempaths=unconfined", "disable", ""),
        *("writable-cgroups=true", "no-new-privileges=x", "seccomp=empty.txt", "=", "a:b=c"),
    ],
    "platform": ["linux/arm64", "linux/amd64", "linux", "arm64", "windows", "", "a/b/c/d", "x y"],
    "pull": ["never", "missing", "always", "", "ALWAYS", "x"],
    "volumes-from": ["other", "third", "other:ro", "none", "", "other:z", ":ro"],
    "network": [
        *("host", "none", "bridge", "corp", "container:other", "default", "name=corp,alias=a", ""),
        *("name=host", "name=a,name=host", "container:", "alias=x", "name=x,driver-opt=a=b"),
    ],
    "pid": ["host", "container:other", "", "private", "container:", "x"],
    "ipc": ["host", "private", "shareable", "none", "container:other", "", "x"],
    "uts": ["host", "", "x"],
    "userns": ["host", "", "x"],
    "cgroupns": ["host", "private", "", "x"],
    "publish": [
        *("80", "80:80", "127.0.0.1::80", "127.0.0.1:80:80/udp", "[::1]:80:80", "8000-8001:80-81"),
        *("x", "80:80:80:80", "70000:80", "", "80/tcp", "0:80", "published=80,target=80", "::80"),
    ],
    "expose": ["80", "80/udp", "80-90", "x", "", "80/x"],
    "env": ["A=1", "A", "A=", "=x", "FROM_CLIENT", "", "A=b=c", "A\n=1"],
    "env-file": ["env.txt", "bad-env.txt", "missing.txt", "empty.txt", "", "sub"],
    "label": ["a=b", "a", "a=", "=x", "", "saferun.gate=x"],
    "label-file": ["labels.txt", "missing.txt", "empty.txt", "sub"],
    "cidfile": ["new.cid", "taken.cid", "no/such.cid", "", "sub"],
    "memory": SIZES,
    "memory-swap": SIZES,
    "memory-reservation": SIZES,
    "shm-size": SIZES,
    "restart": [
        "always",
        "no",
        "on-failure:3",
        "on-failure",
        "unless-stopped",
        "x",
        "always:3",
        "",
    ],
    "ulimit": [
        "nofile=1:2",
        "nofile=1",
        "nofile=2:1",
        "x=1",
        "nofile",
        "",
        "nofile=-1",
        "core=0x1",
    ],
    "device": [
        "/dev/null",
        "/dev/null:/dev/x:r",
        "/dev/null:rwm",
        "vendor.com/class=x",
        "",
        "x:y:z",
    ],
    "device-cgroup-rule": ["c 1:3 rwm", "a *:* rwm", "x", ""],
    "gpus": ["all", "1", "device=0", "x", "", '"device=0,1"'],
    "cpus": ["0.5", "1", "x", "", "-1", "1/2", "1e3"],
    "sysctl": ["net.ipv4.ip_forward=1", "kernel.panic=1", "x", "", "net/ipv4/ip_forward=1", "=1"],
    "add-host": ["a:1.2.3.4", "a=1.2.3.4", "a:[::1]", "a", "", "a:host-gateway", "a:x"],
    "attach": ["stdin", "stdout", "STDERR", "x", ""],
    "log-opt": ["max-size=1m", "x", ""],
    "log-driver": ["json-file", "none", "x", ""],
    "annotation": ["a=b", "a", "", "=x"],
    "health-interval": ["1s", "1", "x", "-1s", ""],
    "health-timeout": ["1s", "1m30s", "x", "0"],
    "stop-timeout": NUMBERS,
    "workdir": ["/w", "w", "", "/w/../x"],
    "name": ["c", "a-b", "", "a b", "-x"],
    "hostname": ["h", "", "a.b", "-h"],
    "detach-keys": ["ctrl-x", "x", "", "ctrl-", "ctrl-p,ctrl-q"],
    "isolation": ["default", "", "x"],
    "runtime": ["runc", "x", ""],
    "mac-address": ["02:42:ac:11:00:02", "x", ""],
    "ip": ["1.2.3.4", "x", "", "::1"],
    "dns": ["1.2.3.4", "::1", "x", ""],
    "link": ["other:o", "other", "", "a:b:c"],
    "group-add": ["5", "app", "", "0", "-1"],
}
#: What may stand wherever a value is wanted, and must not be taken for anything else.
NOISE = (
    "",
    "img",
    "--",
    "-",
    "--privileged",
    "--user=0",
    "--cap-add=ALL",
    "-u",
    "=",
    "a=b",
    "\udcff",
)
NAMES = (
    "img",
    "img",
    "img",
    "img",
    "img:1",
    "a/b:1",
    "absent",
    "",
    "IMG",
    f"img@sha256:{'1' * 64}",
)
RESTS: tuple[tuple[str, ...], ...] = (
    (),
    (),
    ("a",),
    ("--privileged",),
    ("--", "-u0"),
    ("",),
    ("a b", "\n", "--cap-add=ALL"),
    ("\udcff",),
)


def line(seed: int, number: int) -> Case:
    """Return a command line, always the same for a seed and a number."""
    draw = random.Random(f"{seed}/{number}")
    words = [word for _ in range(draw.choice((0, 1, 1, 2, 2, 3, 4, 6))) for word in _option(draw)]
    if draw.random() < 0.1:
        words.append("--")
    if draw.random() < 0.97:
        words += [draw.choice(NAMES), *draw.choice(RESTS)]
    return Case(tuple(words), draw.choice(tuple(IMAGES)))


def _option(draw: random.Random) -> list[str]:
    flag = draw.choice(TELLING if draw.random() < 0.5 else FLAGS)
    name = draw.choice([flag.name, *(old for old, new in ALIASES.items() if new == flag.name)])
    if flag.kind == "bool":
        if flag.short and draw.random() < 0.4:
            return [
                _cluster(draw) + flag.short + draw.choice(("", "", "", "=true", "=false", "=x"))
            ]
        return [f"--{name}{draw.choice(('', '', '', *SWITCHES))}"]
    value = _value(draw, flag)
    forms = [[f"--{name}={value}"], [f"--{name}", value]]
    if flag.short:
        dashed = _cluster(draw) + flag.short
        forms += [[f"{dashed}={value}"], [dashed, value], [f"{dashed}{value}"]]
    # One dash where two belong, a flag that is cut off, a letter in capitals: nearly right.
    forms.append([f"-{name}", value] if draw.random() < 0.1 else [f"--{name}", value])
    return draw.choice(forms)


def _cluster(draw: random.Random) -> str:
    many = draw.choice((0, 0, 0, 1, 2))
    return "-" + "".join(draw.choice(LETTERS).short for _ in range(many))


def _value(draw: random.Random, flag: Flag) -> str:
    if draw.random() < 0.06:
        return draw.choice(NOISE)
    known = VALUES.get(flag.name)
    if known is None:
        known = PLACES if draw.random() < 0.2 else [*NUMBERS, "a=b", "/dev/null:1", "0-1"]
    return draw.choice(known)


def forked(
    argv: Sequence[str],
    cwd: str,
    env: Mapping[str, str],
    timeout: float,
    **_streams: object,
) -> subprocess.CompletedProcess[bytes]:
    """Run saferun in a fork of this process, as `subprocess.run` would run its script."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        pid = os.fork()
        if pid == 0:
            _be_saferun(argv, cwd, env, out.fileno(), err.fileno())
        end = time.monotonic() + timeout
        while (ended := os.waitpid(pid, os.WNOHANG))[0] == 0:
            if time.monotonic() > end:
                os.kill(pid, 9)
                os.waitpid(pid, 0)
                raise subprocess.TimeoutExpired(list(argv), timeout)
            time.sleep(0.001)
        out.seek(0)
        err.seek(0)
        status = os.waitstatus_to_exitcode(ended[1])
        return subprocess.CompletedProcess(list(argv), status, out.read(), err.read())


def _be_saferun(argv: Sequence[str], cwd: str, env: Mapping[str, str], out: int, err: int) -> None:
    """Become saferun, and never return."""
    status = 70
    try:
        os.chdir(cwd)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for descriptor, its in ((0, nothing), (1, out), (2, err)):
            os.dup2(its, descriptor)
        os.environ.clear()
        os.environ.update(env)
        from saferun.cli import main

        status = main([argv[0], *argv[len(argv) - env_words(argv) :]])
    except BaseException:  # noqa: BLE001 - it must not go on as a second fuzzer
        import traceback

        os.write(2, traceback.format_exc().encode())
    finally:
        os._exit(status)


def env_words(argv: Sequence[str]) -> int:
    """Return how many of the words are saferun's, not the interpreter's and its script."""
    return len(argv) - (1 if argv[0].endswith("saferun") else 2)


def tried(docker: str, seed: int, number: int) -> tuple[int, Verdict]:
    """Judge one line."""
    return number, judged(docker, line(seed, number), run=forked)


def fuzz(docker: str, seed: int, numbers: range, workers: int) -> tuple[Counter[str], list[str]]:
    """Judge many lines; return how many there were of each kind, and the faults."""
    import saferun.cli
    import saferun.run
    import saferun.world  # noqa: F401 - loaded once, before there are forks

    kinds: Counter[str] = Counter()
    faults: list[str] = []
    with ProcessPoolExecutor(workers) as pool:
        for number, verdict in pool.map(partial(tried, docker, seed), numbers, chunksize=20):
            kinds[verdict.kind] += 1
            faults += [f"#{number} {fault}" for fault in verdict.faults]
    return kinds, faults


def main() -> int:
    """Fuzz as the command line says; return 1 when there were faults."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--lines", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0, help="the number of the first line")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help="play only the line of this number")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--docker", default=shutil.which("docker"))
    given = parser.parse_args()
    if given.only is not None:
        print(tried(given.docker, given.seed, given.only))  # noqa: T201 - it is a command
        return 0
    began = time.monotonic()
    numbers = range(given.first, given.first + given.lines)
    kinds, faults = fuzz(given.docker, given.seed, numbers, given.workers)
    took = time.monotonic() - began
    told = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
    print(f"seed {given.seed}, lines {numbers}: {told}; {len(faults)} faults; {took:.0f} s")  # noqa: T201
    for fault in faults:
        print(fault)  # noqa: T201
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
