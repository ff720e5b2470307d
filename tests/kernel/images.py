"""Test images without a registry: what is in them, as tar archives for `docker import`.

Every image has the attacker (attack/sets.c) in several guises; most have busybox as well.
"""

from __future__ import annotations

import io
import struct
import tarfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from saferun.judge.first_program import Program

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: Docker's default capabilities.
DEFAULT = 0xA80425FB
#: CHOWN, DAC_OVERRIDE, SETUID and NET_RAW: what the helpers with file capabilities carry.
FILE_CAPABILITIES = 0x2083

PASSWD = """\
root:x:0:0:root:/root:/bin/sh
app:x:3267:3267:app:/home/app:/bin/sh
toor:x:0:0:another name for root:/root:/bin/sh
"""
GROUP = """\
root:x:0:
app:x:3267:
"""
#: Lines that the engine reads in surprising ways: what to ask for, the line, the uid that it makes.
HOSTILE = (
    ("badnum", "badnum:x:abc:0::/:", 0),
    ("short", "short", 0),
    ("hex", "hex:x:0x0:7::/:", 0),
    ("empty", "empty:x::9::/:", 0),
    ("zero", "zero:x:000:0::/:", 0),
    ("wrap", "wrap:x:4294967296:0::/:", 0),
    ("big2", "big2:x:4294968563:5::/:", 1267),
    ("spaced", "  spaced:x:1234:1234::/:", 1234),
    # A number is a uid, whatever names there are.
    ("1000", "1000:x:0:0::/:", 1000),
)
#: Those of them that Docker 20.10 and 26 cut down to 32 bits, and runc of Docker 28.5 refuses.
WIDE = ("wrap", "big2")
#: Stands where the gate will stand, and checks nothing.
SQUATTER = b"""\
#!/bin/sh
echo squatter
while [ "$1" != -- ]; do shift; done
shift
exec "$@"
"""


@dataclass(frozen=True)
class Entry:
    """A file in an image; with `target` a symbolic link, with neither content a directory."""

    path: str
    content: bytes | None = None
    mode: int = 0o755
    target: str = ""
    #: the value of the security.capability attribute
    capabilities: bytes = b""


@dataclass(frozen=True)
class Image:
    """What makes one image differ from the others."""

    changes: tuple[str, ...] = ()
    passwd: str | None = PASSWD
    extra: tuple[Entry, ...] = field(default=())
    #: nothing but the attacker in it
    bare: bool = False
    platform: str = ""


IMAGES = {
    "busybox": Image(('CMD ["sh"]',)),
    # Who the user is
    "user-app": Image(("USER app",)),
    "user-3267": Image(("USER 3267",)),
    "user-0": Image(("USER 0",)),
    "user-root": Image(("USER root",)),
    "user-colon": Image(("USER :",)),
    "user-unknown": Image(("USER nobody-has-this-name",)),
    "passwd-master": Image(
        passwd="master:x:0:0::/:/bin/sh\nroot:x:1000:1000::/:/bin/sh\napp:x:3267:3267::/:/bin/sh\n"
    ),
    "passwd-root-is-3267": Image(passwd="root:x:3267:3267::/:/bin/sh\n"),
    "passwd-hostile": Image(passwd=PASSWD + "".join(f"{line}\n" for _, line, _ in HOSTILE)),
    "passwd-none": Image(passwd=None),
    # What is run
    "entrypoint": Image(('ENTRYPOINT ["echo", "entrypoint"]',)),
    "entrypoint-cmd": Image(('ENTRYPOINT ["echo", "entrypoint"]', 'CMD ["cmd"]')),
    "cmd": Image(('CMD ["echo", "cmd"]',)),
    "neither": Image(),
    "setuid-entrypoint": Image(("USER app", 'ENTRYPOINT ["/bin/sets-setuid"]')),
    "scratch": Image(bare=True, passwd=None),
    "foreign": Image(bare=True, passwd=None, platform="linux/s390x"),
    # Who stands where the gate will stand
    "saferun-volume": Image(('VOLUME ["/.saferun"]',)),
    "saferun-symlink": Image(
        extra=(
            Entry("elsewhere"),
            Entry("elsewhere/gate-amd64", SQUATTER),
            Entry("elsewhere/gate-arm64", SQUATTER),
            Entry(".saferun", target="/elsewhere"),
        )
    ),
    "saferun-squatter": Image(
        extra=(
            Entry(".saferun"),
            Entry(".saferun/gate-amd64", SQUATTER),
            Entry(".saferun/gate-arm64", SQUATTER),
        )
    ),
}


#: The attacker's guises: each is the same program under a name of its own.
GUISES = {
    "sets": Program(),
    "sets-setuid": Program(setuid=True),
    "sets-ep": Program(permitted=FILE_CAPABILITIES, effective=True),
    "sets-p": Program(permitted=FILE_CAPABILITIES),
    "sets-ei": Program(inheritable=FILE_CAPABILITIES, effective=True),
    "sets-setuid-ep": Program(setuid=True, permitted=FILE_CAPABILITIES, effective=True),
}


def file_capabilities(permitted: int, inheritable: int = 0, *, effective: bool) -> bytes:
    """Return the attribute that gives a file capabilities (struct vfs_cap_data)."""
    revision_2 = 0x02000000
    masks = (permitted, inheritable)
    words = (*(mask & 0xFFFFFFFF for mask in masks), *(mask >> 32 for mask in masks))
    return struct.pack("<5I", revision_2 | effective, *words)


def entries(
    image: Image, busybox: bytes, applets: Iterable[str], attacker: bytes
) -> Iterator[Entry]:
    """Yield everything that is in an image."""
    if image.bare:
        yield Entry("sets", attacker)
        return
    yield Entry("bin")
    yield Entry("bin/busybox", busybox)
    for applet in applets:
        yield Entry(f"bin/{applet}", target="busybox")
    for guise, program in GUISES.items():
        value = b""
        if program.file.capabilities is not None:
            value = file_capabilities(
                program.permitted, program.inheritable, effective=program.effective
            )
        mode = 0o4755 if program.setuid else 0o755
        yield Entry(f"bin/{guise}", attacker, mode=mode, capabilities=value)
    yield Entry("etc")
    yield Entry("etc/group", GROUP.encode(), mode=0o644)
    if image.passwd is not None:
        yield Entry("etc/passwd", image.passwd.encode(), mode=0o644)
    yield Entry("root", mode=0o700)
    yield Entry("tmp", mode=0o1777)
    yield from image.extra


def tar(contents: Iterable[Entry]) -> bytes:
    """Return the archive of these files, all of them root's."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for entry in contents:
            member = tarfile.TarInfo(entry.path)
            member.mode = entry.mode
            if entry.target:
                member.type, member.linkname = tarfile.SYMTYPE, entry.target
            elif entry.content is None:
                member.type = tarfile.DIRTYPE
            else:
                member.size = len(entry.content)
            if entry.capabilities:
                # tarfile wants text; what is not UTF-8 goes through as it is.
                value = entry.capabilities.decode("utf-8", "surrogateescape")
                member.pax_headers = {"SCHILY.xattr.security.capability": value}
            archive.addfile(member, io.BytesIO(entry.content or b""))
    return buffer.getvalue()


@dataclass(frozen=True)
class Shown:
    """What the attacker printed about itself at one moment, masks in the kernel's order."""

    program: str
    moment: str
    uids: tuple[int, ...]
    gids: tuple[int, ...]
    groups: tuple[int, ...]
    inheritable: int
    permitted: int
    effective: int
    bounding: int
    ambient: int
    no_new_privs: bool

    @property
    def held(self) -> int:
        """Everything that is in any of the five sets."""
        return self.inheritable | self.permitted | self.effective | self.bounding | self.ambient


def shown(text: str) -> list[Shown]:
    """Read what the attacker printed, in the order in which it happened."""
    moments = []
    for block in text.split("== ")[1:]:
        title, *lines = block.splitlines()
        program, moment = title.split()
        rows = dict(line.split(":", 1) for line in lines if ":" in line)
        uids, gids, groups = (
            tuple(int(number) for number in rows[key].split()) for key in ("Uid", "Gid", "Groups")
        )
        inh, prm, eff, bnd, amb = (
            int(rows[f"Cap{key}"], 16) for key in ("Inh", "Prm", "Eff", "Bnd", "Amb")
        )
        nnp = rows["NoNewPrivs"].strip() == "1"
        moments.append(Shown(program, moment, uids, gids, groups, inh, prm, eff, bnd, amb, nnp))
    return moments
