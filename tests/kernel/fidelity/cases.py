"""Command lines that docker run and saferun must answer alike.

Words may hold {busybox} and other images of tests/kernel/images.py, {name} for the container's
name, {dir} for a directory with the files of `FILES`, {other} for a running container, {net} and
{volume} for a network and a volume that exist.
"""

from __future__ import annotations

import shlex
from typing import Any

from saferun.judge.record import Record

MIB = 1 << 20

#: What lies in {dir}.
FILES = {
    "env": b"# a comment\nA=1\nB=two words\nPASSED\n\nC=x=y\n",
    "env-crlf": b"A=1\r\nB=2\r\n",
    "env-bom": b"\xef\xbb\xbfA=1\n",
    "env-bad": b"with space=1\n",
    "env-latin": b"A=\xe9\n",
    "labels": b"c=d\ne\n",
    "labels-bad": b"a b=c\n",
    "cid": b"here already",
    "file": b"content\n",
    "profile": b'{"defaultAction": "SCMP_ACT_ALLOW"}',
    "profile-bad": b"{",
}

#: Differences that README.md tells of, by what may differ and why.
GATE_FINDS_OUT = "the gate, not the engine, notices that the command cannot be executed"
JUDGED_FIRST = "saferun needs the object to judge it, and misses it before docker does"
MIGHT_COVER_THE_GATE = "what the engine refuses might also cover the gate, so saferun refuses it"
BEFORE_THE_RUNTIME = "125, because nothing was started; Podman asks its runtime, and gives 127"
OVER_THE_ROOT = "the gate is mounted in it as well, as /dev is, and says that there is no command"
PULLED_FIRST = "a missing image is pulled by docker pull"


class Case(Record):
    """A command line, what it reads, and what is allowed to differ.

    `differs`: of "stdout", "stderr", "left" (containers, their state and record); `why` says for
    what reason, and must be given then. `detached`: wait for the container's end before looking.
    """

    id: str
    words: tuple[str, ...]
    stdin: bytes = b""
    differs: tuple[str, ...] = ()
    why: str = ""
    detached: bool = False


def _of(group: str, lines: str, **more: Any) -> list[Case]:  # noqa: ANN401 - fields of Case
    """Return a case for every line: words as a shell reads them."""
    texts = [line.strip() for line in lines.strip().splitlines() if line.strip()]
    return [Case(f"{group}: {text}", tuple(shlex.split(text)), **more) for text in texts]


def _sh(group: str, options: str, *scripts: str, **more: Any) -> list[Case]:  # noqa: ANN401
    return [
        Case(
            f"{group}: {options} {script}",
            (*shlex.split(options), "{busybox}", "sh", "-c", script),
            **more,
        )
        for script in scripts
    ]


STREAMS = [
    *_sh(
        "streams",
        "--rm",
        "true",
        "printf out",
        "printf err >&2",
        "echo out; echo err >&2",
        "printf '\\000\\377\\r\\n'",
        f"head -c {64 * MIB} /dev/zero",
        f"head -c {8 * MIB} /dev/zero >&2",
        "yes | head -n 3",
        "exec >&-; echo gone",
        "exec 2>&-; echo out; nosuch",
        "seq 1 20000",
        "echo out >/dev/stdout; echo err >/dev/stderr",
        "cat",
    ),
    *_sh("streams in", "--rm -i", "cat", "wc -c", "head -c 1", "read x; echo $x", stdin=b"a\nb\n"),
    *_sh("64 MiB both ways", "--rm -i", "cat", stdin=bytes(range(256)) * (MIB // 4)),
    *_sh("stdin not read", "--rm -i", "true", stdin=b"x" * MIB),
    *_sh("empty stdin", "--rm -i", "cat; echo end"),
    *_sh("attach stdout", "--rm -a stdout", "echo out; echo err >&2"),
    *_sh("attach stderr", "--rm -a stderr", "echo out; echo err >&2"),
    *_sh("attach in and out", "--rm -i -a stdin -a stdout", "cat; echo err >&2", stdin=b"words\n"),
    *_sh("attach all", "--rm -a STDOUT -a STDERR", "echo out; echo err >&2"),
]

STATUSES = [case for status in range(256) for case in _sh("status", "--rm", f"exit {status}")]

SIGNALS = [
    *(
        case
        for number in (1, 2, 3, 6, 9, 10, 13, 14, 15)
        for case in _sh("dies by a signal", "--rm --init", f"kill -{number} $$")
    ),
    *_sh("PID 1 is not killed from inside", "--rm", "kill -9 $$; echo alive"),
    *_sh("stop signal", "--rm --stop-signal USR1", "true"),
    *_sh("stop timeout", "--stop-timeout 3 --name {name}", "true"),
]

USERS = _of(
    "user",
    """
    --rm -u 3267:7 {busybox} id
    --rm -u app {busybox} id
    --rm -u app:app {busybox} id
    --rm -u root {busybox} id
    --rm -u 0 {busybox} id
    --rm -u 0:7 {busybox} id
    --rm -u :7 {busybox} id
    --rm -u +3267 {busybox} id
    --rm -u 3267 --group-add 7 --group-add app {busybox} id
    --rm -u '' {busybox} id
    --rm {user-app} id
    --rm {user-3267} id
    --rm -u 2147483647 {busybox} id -u
    --rm -u app {busybox} sh -c 'echo $HOME; pwd'
    """,
)
USERS_THAT_FAIL = _of(
    "user",
    """
    --rm -u nobody-has-this-name {busybox} id
    --rm -u 4294967296 {busybox} id
    --rm -u -1 {busybox} id
    --rm -u 3267:nogroup-has-this-name {busybox} id
    --rm -u 3267 --group-add nogroup-has-this-name {busybox} id
    """,
)

ENTRYPOINTS = _of(
    "entrypoint",
    """
    --rm {entrypoint}
    --rm {entrypoint} word
    --rm {entrypoint-cmd}
    --rm {entrypoint-cmd} word
    --rm {cmd}
    --rm {cmd} echo word
    --rm --entrypoint echo {busybox} a b
    --rm --entrypoint /bin/echo {entrypoint-cmd} a
    --rm --entrypoint '' {entrypoint-cmd} echo a
    --rm --entrypoint ls {busybox} -d /tmp
    --rm -u 0 {scratch} /sets
    --rm {neither} /bin/true
    --rm -w /bin {busybox} ./echo relative
    --rm -w /tmp {busybox} pwd
    --rm -w /made/by/docker {busybox} pwd
    --rm -e PATH=/nowhere {busybox} /bin/echo absolute
    --rm {busybox} /bin/../bin/echo dots
    """,
)
NOT_EXECUTED = _of(
    "not executed",
    """
    --rm {busybox} nosuch
    --rm {busybox} /no/such
    --rm {busybox} /etc/passwd
    --rm {busybox} /tmp
    --rm {busybox} ./nosuch
    --rm {busybox} ''
    --rm -e PATH=/nowhere {busybox} echo
    --rm --entrypoint nosuch {busybox}
    --name {name} {busybox} nosuch
    --name {name} {busybox} /etc/passwd
    """,
    differs=("stderr", "left"),
    why=GATE_FINDS_OUT,
)
NOTHING_TO_DO = _of(
    "no command",
    """
    --rm {neither}
    --rm --entrypoint '' {cmd}
    """,
    differs=("stderr",),
    why="the gate's command line needs one, so saferun says it before the engine would",
)

WORDS = [
    *_of(
        "words",
        """
        --rm {busybox} echo '' a ''
        --rm {busybox} echo -e -n --rm -d
        --rm {busybox} echo -- --
        --rm -- {busybox} echo -- x
        --rm {busybox} echo '$(id)' '`id`' '*' '~' '\\n'
        --rm {busybox} echo ünïcödé 漢字 🦀
        --rm {busybox} echo '{{.Names}}' '%s' '=' 'a=b,c'
        --rm {busybox} sh -c 'echo $0 $@' -- a b
        """,
    ),
    Case("words: white space", ("--rm", "{busybox}", "printf", "%s|", "a\nb", "\ttab ", " ")),
    Case("words: many", ("--rm", "{busybox}", "sh", "-c", "echo $#", "sh", *["x"] * 3000)),
    Case("words: 100 KiB", ("--rm", "{busybox}", "sh", "-c", "echo ${#1}", "sh", "y" * 102400)),
    Case("words: not UTF-8", ("--rm", "{busybox}", "printf", "%s", "a\udcff\udcfe")),
    Case("words: newline in a label", ("--name", "{name}", "-l", "a=b\nc", "{busybox}", "true")),
]

ENVIRONMENT = _of(
    "environment",
    """
    --rm -e A=1 -e B -e PASSED {busybox} sh -c 'env | sort'
    --rm -e A= {busybox} sh -c 'env | sort'
    --rm -e A=1 -e A=2 {busybox} sh -c 'env | sort'
    --rm -e =x {busybox} sh -c 'env | sort'
    --rm --env-file {dir}/env {busybox} sh -c 'env | sort'
    --rm --env-file {dir}/env -e A=cli {busybox} sh -c 'env | sort'
    --rm --env-file {dir}/env-crlf {busybox} sh -c 'env | sort'
    --rm --env-file {dir}/env-bom {busybox} sh -c 'env | sort'
    --rm --env-file {dir}/env-bad {busybox} sh -c 'env | sort'
    --rm --env-file {dir}/env-latin {busybox} sh -c 'env | sort'
    --rm --env-file {dir}/missing {busybox} sh -c 'env | sort'
    --name {name} -l a=b -l c --label-file {dir}/labels {busybox} true
    --rm --label-file {dir}/missing {busybox} true
    --rm --label-file {dir}/labels-bad {busybox} true
    --rm -h there {busybox} hostname
    --rm -h there --domainname example.org {busybox} hostname
    """,
)

LEFT = _of(
    "left behind",
    """
    --name {name} {busybox} true
    --name {name} {busybox} false
    --name {name} --cidfile {dir}/new {busybox} true
    --rm --cidfile {dir}/new {busybox} true
    --rm --cidfile {dir}/cid {busybox} true
    --rm --cidfile {dir}/no/such/cid {busybox} true
    --name {name} -v /anonymous {busybox} true
    --rm -v /anonymous {busybox} true
    --name {name} -v {volume}:/v {busybox} true
    --name 'a b' {busybox} true
    --name x {busybox} true
    --name {other} {busybox} true
    --rm --restart always {busybox} true
    --restart nonsense {busybox} true
    --restart on-failure:x {busybox} true
    """,
)
DETACHED = _of(
    "detached",
    """
    -d --name {name} {busybox} true
    -d --name {name} {busybox} false
    -d --name {name} {busybox} sh -c 'echo out; echo err >&2; exit 3'
    -d --name {name} --cidfile {dir}/new {busybox} true
    -d --name {name} -i {busybox} true
    -d --name {name} -t {busybox} true
    -d --name {name} --init {busybox} true
    -d --name {name} -v /anonymous {busybox} true
    -d --rm --cidfile {dir}/cid {busybox} true
    -d -a stdout {busybox} true
    -d --name {other} {busybox} true
    -d --name {name} --restart on-failure:1 {busybox} false
    """,
    detached=True,
)

RESOURCES = _of(
    "resources",
    """
    --name {name} -m 64m --memory-reservation 32m --memory-swap 128m {busybox} true
    --rm -m 1k {busybox} true
    --rm -m 64x {busybox} true
    --rm -m 64m --memory-swap 32m {busybox} true
    --name {name} --cpus 0.5 -c 100 --cpuset-cpus 0 {busybox} true
    --rm --cpus 1000 {busybox} true
    --rm --cpus x {busybox} true
    --rm --cpus 1 --cpu-quota 50000 {busybox} true
    --rm --cpuset-cpus 999 {busybox} true
    --name {name} --pids-limit 50 {busybox} true
    --name {name} --pids-limit 0 {busybox} true
    --name {name} --pids-limit -1 {busybox} true
    --rm --ulimit nofile=100:200 {busybox} sh -c 'ulimit -n'
    --rm --ulimit nofile=200:100 {busybox} true
    --rm --ulimit nonsense=1 {busybox} true
    --rm --shm-size 8m {busybox} df /dev/shm
    --rm --shm-size x {busybox} true
    --name {name} --oom-score-adj 5 {busybox} cat /proc/self/oom_score_adj
    --rm --oom-score-adj 5000 {busybox} true
    --name {name} --blkio-weight 0 {busybox} true
    --rm --blkio-weight 5 {busybox} true
    --rm --cpu-shares -1 {busybox} true
    --rm --sysctl net.ipv4.ip_forward=0 {busybox} cat /proc/sys/net/ipv4/ip_forward
    --rm --sysctl kernel.panic=1 {busybox} true
    --rm --sysctl nonsense {busybox} true
    --rm --gpus all {busybox} true
    --rm --storage-opt size=1G {busybox} true
    """,
)

NETWORKS = _of(
    "network",
    """
    --rm --network none {busybox} ls /sys/class/net
    --rm --network host {busybox} hostname
    --rm --network bridge {busybox} true
    --rm --net {net} {busybox} true
    --name {name} --network {net} --network-alias alias {busybox} true
    --rm --network no-such-network {busybox} true
    --rm --network container:{other} {busybox} hostname
    --rm --network-alias alias {busybox} true
    --rm --ip 192.0.2.1 {busybox} true
    --name {name} --mac-address 02:42:ac:11:00:99 {busybox} true
    --rm --mac-address nonsense {busybox} true
    --rm --link no-such-container {busybox} true
    --rm --network host -h there {busybox} hostname
    --rm --network container:{other} -h there {busybox} hostname
    --rm --network container:{other} -p 80 {busybox} true
    --rm --add-host a:192.0.2.1 {busybox} grep -w a /etc/hosts
    --rm --add-host nonsense {busybox} true
    --rm --dns 192.0.2.2 --dns-search a.org --dns-option ndots:1 {busybox} cat /etc/resolv.conf
    --rm --dns nonsense {busybox} true
    --name {name} -p 127.0.0.1::80 {busybox} true
    --rm -p 127.0.0.1:18080:80/udp {busybox} true
    --rm -p nonsense {busybox} true
    --rm -p 70000:80 {busybox} true
    --rm -p 80:80:80:80 {busybox} true
    --rm -P --expose 80 {busybox} true
    --rm --expose nonsense {busybox} true
    """,
)
NAMESPACES = _of(
    "namespaces",
    """
    --rm --pid host {busybox} true
    --rm --pid container:{other} {busybox} sh -c 'echo $$ | wc -l'
    --rm --pid nonsense {busybox} true
    --rm --ipc private {busybox} true
    --rm --ipc host {busybox} true
    --rm --ipc none {busybox} ls /dev
    --rm --ipc shareable {busybox} true
    --rm --ipc container:{other} {busybox} true
    --rm --ipc nonsense {busybox} true
    --rm --uts host {busybox} hostname
    --rm --uts nonsense {busybox} true
    --rm --userns host {busybox} true
    --rm --cgroupns private {busybox} true
    --rm --cgroupns host {busybox} true
    --rm --cgroupns nonsense {busybox} true
    """,
)
JOINS_NOTHING = _of(
    "namespaces",
    """
    --rm --pid container:no-such-container {busybox} true
    --rm --ipc container:no-such-container {busybox} true
    --rm --network container:no-such-container {busybox} true
    """,
)

MOUNTS = [
    *_of(
        "mounts",
        """
        --rm -v {dir}:/x {busybox} cat /x/file
        --rm -v {dir}:/x:ro {busybox} sh -c 'echo >/x/new; ls /x'
        --rm -v {dir}:/x:nonsense {busybox} true
        --rm -v {dir}/file:/file {busybox} cat /file
        --rm -v {dir}:/ {busybox} true
        --rm -v 'b@d:/x' {busybox} true
        --rm -v {volume}:/v {busybox} ls /v
        --rm --mount type=bind,src={dir},dst=/x,ro {busybox} cat /x/file
        --rm --mount type=bind,src={dir}/missing,dst=/x {busybox} true
        --rm --mount type=nonsense,dst=/x {busybox} true
        --rm --mount dst=/x,nonsense=1 {busybox} true
        --rm --mount type=tmpfs,dst=/x,tmpfs-size=1m {busybox} df /x
        --rm --mount type=volume,src={volume},dst=/x,readonly {busybox} sh -c 'echo >/x/y'
        --rm --tmpfs /x:size=1m,mode=700 {busybox} stat -c '%a %u:%g' /x
        --rm --tmpfs /x:nonsense {busybox} true
        --rm --volumes-from {other} {busybox} true
        --rm --read-only {busybox} sh -c 'echo >/x'
        --rm --read-only --tmpfs /tmp {busybox} sh -c 'echo >/tmp/x; ls /tmp'
        --name {name} -v {dir}:/a -v {dir}:/b:ro --tmpfs /c {busybox} true
        --rm -v {dir}:/x -v {dir}:/x {busybox} true
        --rm -v '' {busybox} true
        """,
    ),
    *_of(
        "mounts",
        "--rm --volumes-from no-such-container {busybox} true",
        differs=("stderr",),
        why=JUDGED_FIRST,
    ),
    *_of(
        "mounts",
        """
        --rm -v {dir}:relative {busybox} true
        --rm -v a:b:c:d {busybox} true
        --rm --tmpfs relative {busybox} true
        """,
        differs=("stderr",),
        why=MIGHT_COVER_THE_GATE,
    ),
]

SECURITY = _of(
    "security",
    """
    --rm --security-opt no-new-privileges {busybox} grep NoNewPrivs /proc/self/status
    --rm --security-opt seccomp=unconfined {busybox} grep Seccomp: /proc/self/status
    --rm --security-opt seccomp={dir}/profile {busybox} grep Seccomp: /proc/self/status
    --rm --security-opt seccomp={dir}/profile-bad {busybox} true
    --rm --security-opt seccomp={dir}/missing {busybox} true
    --rm --security-opt nonsense {busybox} true
    --rm --security-opt nonsense=1 {busybox} true
    --rm --security-opt label=disable {busybox} true
    --rm --security-opt apparmor=unconfined {busybox} true
    --rm --security-opt systempaths=unconfined {busybox} true
    --name {name} --cap-drop NET_RAW --cap-drop chown {busybox} true
    --rm --cap-drop nonsense {busybox} true
    --rm -u 0 --cap-add NET_ADMIN {busybox} grep Cap /proc/self/status
    --rm -u 0 --cap-add nonsense {busybox} true
    --rm -u 0 --cap-drop ALL {busybox} grep Cap /proc/self/status
    --rm -u 0 --cap-add ALL --cap-drop SYS_RESOURCE {busybox} true
    --rm -u 0 {busybox} grep Cap /proc/self/status
    --rm --device /dev/null:/dev/other:r {busybox} ls /dev/other
    --rm --device /dev/no-such-device {busybox} true
    --rm --device /dev/null:/dev/other:xyz {busybox} true
    --name {name} --device-cgroup-rule 'c 1:3 rwm' {busybox} true
    --rm --device-cgroup-rule nonsense {busybox} true
    """,
)

HEALTH_AND_LOGS = _of(
    "health and logs",
    """
    --name {name} --health-cmd true --health-interval 1s --health-retries 2 {busybox} true
    --rm --health-cmd true --no-healthcheck {busybox} true
    --rm --health-interval x {busybox} true
    --rm --health-interval -1s --health-cmd true {busybox} true
    --name {name} --no-healthcheck {busybox} true
    --name {name} --log-driver none {busybox} echo logged
    --name {name} --log-driver json-file --log-opt max-size=1m {busybox} echo logged
    --rm --log-driver nonsense {busybox} true
    --rm --log-opt nonsense=1 {busybox} true
    """,
)

MISCELLANY = [
    *_of(
        "miscellany",
        """
        --rm --init {busybox} true
        --rm --stop-signal NONSENSE {busybox} true
        --rm --runtime runc {busybox} true
        --rm --runtime no-such-runtime {busybox} true
        --rm --platform linux/amd64 {busybox} true
        --rm --isolation default {busybox} true
        --rm --isolation nonsense {busybox} true
        --rm --disable-content-trust {busybox} true
        --rm --detach-keys ctrl-x {busybox} true
        --rm --quiet {busybox} true
        --rm --pull never {busybox} true
        --rm -it {busybox} true
        --rm -t {busybox} tty
        --no-such-flag {busybox}
        --rm --name
        --rm
        --cap-add
        -Z {busybox}
        --rm=nonsense {busybox} true
        --rm --memory= {busybox} true
        --rm=true -i=false {busybox} true
        -itd=x {busybox}
        """,
    ),
    *_of(
        "an image that is not there",
        """
        --rm --pull never no-such-image true
        --rm UPPER true
        --rm a//b true
        """,
        differs=("stderr",),
        why=JUDGED_FIRST,
    ),
    *_of(
        "a pull that fails",
        """
        --rm no-such-image true
        --rm --pull always no-such-image:1 true
        --rm -q no-such-image true
        --rm localhost:1/x true
        """,
        differs=("stderr",),
        why=PULLED_FIRST,
    ),
    *_of(
        "modes of pulling",
        "--rm --pull nonsense {busybox} true",
        differs=("stderr",),
        why=JUDGED_FIRST,
    ),
]

CASES: tuple[Case, ...] = (
    *STREAMS,
    *SIGNALS,
    *USERS,
    *USERS_THAT_FAIL,
    *ENTRYPOINTS,
    *NOT_EXECUTED,
    *NOTHING_TO_DO,
    *WORDS,
    *ENVIRONMENT,
    *LEFT,
    *DETACHED,
    *RESOURCES,
    *NETWORKS,
    *NAMESPACES,
    *JOINS_NOTHING,
    *MOUNTS,
    *SECURITY,
    *HEALTH_AND_LOGS,
    *MISCELLANY,
)

#: What may differ on Podman as well, by the case's id, and why.
PODMAN_DIFFERS: dict[str, tuple[tuple[str, ...], str]] = {
    "no command: --rm {neither}": (("status",), BEFORE_THE_RUNTIME),
    "no command: --rm --entrypoint '' {cmd}": (("status",), BEFORE_THE_RUNTIME),
    "mounts: --rm -v '' {busybox} true": (("stderr",), MIGHT_COVER_THE_GATE),
    "mounts: --rm -v {dir}:/ {busybox} true": (("stderr", "files"), OVER_THE_ROOT),
}

#: What docker run does and podman run refuses by itself, so that these cases are compared by what
#: goes wrong: two flags that it has not, and a directory that is not made.
PODMAN_REFUSES = (
    "environment: --rm -h there --domainname example.org {busybox} hostname",
    "miscellany: --rm --isolation default {busybox} true",
    "entrypoint: --rm -w /made/by/docker {busybox} pwd",
)
