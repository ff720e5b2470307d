"""capabilities(7): names, bits, the five sets, and what an engine grants for given flags."""

from __future__ import annotations

#: Names by bit, from linux/capability.h (Linux 5.9 and later have these 41).
NAMES: tuple[str, ...] = (
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
)

BITS: dict[str, int] = {name: bit for bit, name in enumerate(NAMES)}

#: Every capability that this saferun knows, as a mask.
ALL: int = (1 << len(NAMES)) - 1

#: A mask that nothing can exceed: the kernel's sets are 64 bits wide.
ANY: int = (1 << 64) - 1

#: What an engine grants when nothing is said (moby oci/caps: 14 capabilities).
DEFAULT: int = 0x00000000A80425FB

#: The five sets in the order of /proc/PID/status.
SETS: tuple[str, ...] = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")


def canonical(name: str) -> str:
    """Return a capability name as this project writes it: upper case, without `CAP_`.

    Nothing is trimmed and commas are not split, as in moby's oci/caps; `ALL` stays `ALL`, and
    `CAP_ALL` stays what it is because no engine knows it.
    """
    # str.upper() maps letters such as U+017F and U+0131 into ASCII, which no engine does to a
    # name it then accepts: leave anything outside ASCII alone, so that it stays unknown.
    if not name.isascii():
        return name
    name = name.upper()
    bare = name.removeprefix("CAP_")
    return bare if bare in BITS else name


def is_known(name: str) -> bool:
    """Tell whether a canonical name is a capability or `ALL`."""
    return name in BITS or name == "ALL"


def mask_of(names: tuple[str, ...]) -> int:
    """Return the mask of canonical names; unknown ones add nothing; `ALL` adds every known one."""
    mask = 0
    for name in names:
        mask |= ALL if name == "ALL" else (1 << BITS[name]) if name in BITS else 0
    return mask


def names_of(mask: int) -> tuple[str, ...]:
    """Return the names in a mask by bit; a bit without a name is called by its number."""
    return tuple(
        NAMES[bit] if bit < len(NAMES) else f"CAP_{bit}" for bit in range(64) if mask >> bit & 1
    )


def granted(add: tuple[str, ...], drop: tuple[str, ...], *, privileged: bool = False) -> int:
    """Return the bounding set an engine gives for these flags, as a mask.

    The rules are moby's (oci/caps TweakCapabilities): privileged wins over everything; `ALL` among
    the added wins over a dropped `ALL`; with `ALL` dropped exactly the added ones stay; otherwise
    an added one wins over the same one dropped.
    """
    if privileged:
        return ALL
    if "ALL" in add:
        return ALL & ~mask_of(tuple(name for name in drop if name != "ALL"))
    return (DEFAULT & ~mask_of(drop)) | mask_of(add)
