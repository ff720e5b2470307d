"""Judging a law against a command line without an engine: what the tables of cases stand on.

The world is made up, and the same for every case: see `saferun.judge.control.Case`.
"""

from __future__ import annotations

import shlex

from saferun import laws
from saferun.formats.docker_run.command import RunCommand, parse
from saferun.formats.docker_run.spec import to_spec
from saferun.formats.engine_api import (
    ContainerFacts,
    EngineFacts,
    ImageFacts,
    MountFacts,
    NetworkFacts,
    VolumeFacts,
)
from saferun.formats.facts import Facts
from saferun.judge.evaluate import evaluate
from saferun.judge.rules import Asking, in_force

TYPE_CHECKING = False
if TYPE_CHECKING:
    from saferun.judge.decision import Decision
    from saferun.judge.policy import Layer

LINUX = ("linux", "amd64")
IMAGES = {
    "busybox": ImageFacts("sha256:" + "b" * 64, *LINUX, cmd=("sh",), tags=("busybox:latest",)),
    "nonroot": ImageFacts("sha256:" + "1" * 64, *LINUX, user="1000", tags=("nonroot:latest",)),
    "named": ImageFacts("sha256:" + "2" * 64, *LINUX, user="appuser", tags=("named:latest",)),
    "sneaky": ImageFacts("sha256:" + "3" * 64, *LINUX, user="sneaky", tags=("sneaky:latest",)),
    "healthy": ImageFacts(
        "sha256:" + "4" * 64, *LINUX, health_check=True, exposed=("80/tcp",), tags=("healthy:1",)
    ),
}
UIDS = {"": 0, "root": 0, "appuser": 1000, "sneaky": 0}
_ETC = MountFacts("bind", "", "/etc", "/hostetc", propagation="rprivate")
CONTAINERS = {
    "pidhost": ContainerFacts("a" * 64, "pidhost", "host", "private", "bridge", ()),
    "nethost": ContainerFacts("b" * 64, "nethost", "", "private", "host", ()),
    "ipchost": ContainerFacts("c" * 64, "ipchost", "", "host", "bridge", ()),
    "etc": ContainerFacts("d" * 64, "etc", "", "private", "bridge", (_ETC,)),
}
BIND = (("device", "/etc"), ("o", "bind"), ("type", "none"))
NFS = (("device", ":/e"), ("o", "addr=10.0.0.1"), ("type", "nfs"))
VOLUMES = {
    "data": VolumeFacts("local", (), (), ""),
    "etcvol": VolumeFacts("local", BIND, (), ""),
    "nfsvol": VolumeFacts("local", NFS, (), ""),
}
NETWORKS = {"corp": NetworkFacts("corp", "bridge")}
ENGINE = EngineFacts("runc", "json-file", "default", "1", userns=False, no_new_privileges=False)
#: Links on the host; every other path is what it says.
PATHS = {"/srv/link": "/etc", "/var/run": "/run", "/var/run/docker.sock": "/run/docker.sock"}
PROFILES = {"profile.json": "sha256:" + "f" * 64}


class Paths(dict[str, str]):
    """Host paths without links: those of PATHS lead elsewhere, those in /proc nobody knows."""

    def __missing__(self, path: str) -> str:
        return path

    def get(self, path: str, default: object = None) -> str | None:  # type: ignore[override]
        """Return the path without links."""
        del default
        return None if path.startswith("/proc/self/") else self[path]

    def __contains__(self, path: object) -> bool:
        return True


def command(words: str) -> RunCommand:
    """Read the words after `docker run`."""
    read = parse(shlex.split(words))
    assert isinstance(read, RunCommand), read
    return read


def known(read: RunCommand, **more: object) -> Facts:
    """Return what is known of the made-up world."""
    image = IMAGES.get(read.image.partition(":")[0].partition("@")[0], IMAGES["busybox"])
    user, _, group = (read.last("user") or image.user).partition(":")
    digits = user.lstrip("+-")
    uid = int(digits) if digits.isdigit() else UIDS.get(user)
    gid = int(group) if group.isdigit() else None if group else 1000 if user == "appuser" else 0
    groups = tuple(int(one) if one.isdigit() else None for one in read.all("group-add"))
    facts = Facts(
        image=image,
        uid=uid,
        gid=gid,
        groups=groups,
        containers=CONTAINERS,
        volumes=VOLUMES,
        networks=NETWORKS,
        images={**IMAGES, "healthy:1": IMAGES["healthy"]},
        engine=ENGINE,
        paths=Paths(PATHS),
        local=True,
        sockets=("/run/docker.sock", "/var/run/docker.sock"),
        profiles=PROFILES,
        directory="/work",
    )
    return facts.replace(**more)


def layers_of(law: str, asking: Asking) -> tuple[Layer, ...]:
    """Return the built-in law and one file, with those of its rules in force that match."""
    file = ("system", "law.toml", law.encode())
    return in_force(laws.of_files([file]), asking)


def decide(law: str, words: str, **more: object) -> Decision:
    """Judge a command line by the built-in law and one file, for uid 1000."""
    read = command(words)
    asked = to_spec(read, known(read, **more))
    asking = Asking(asked.image, 1000, frozenset((1000,)), "2026-06-01")
    return evaluate(asked, layers_of(law, asking))
