"""Who is asking: the kernel's ids of this process, and those of whoever called sudo."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeVar

    Opened = TypeVar("Opened")


def ids() -> tuple[int, frozenset[int]]:
    """Return the real uid and every gid of this process."""
    return os.getuid(), frozenset((os.getgid(), os.getegid(), *os.getgroups()))


def sudo_ids(environ: Mapping[str, str]) -> tuple[frozenset[int], frozenset[int]]:
    """Return the uid and the gids of whoever called sudo, by sudo's word; none without sudo."""
    uids = frozenset(_numbers(environ, "SUDO_UID"))
    gids = frozenset(_numbers(environ, "SUDO_GID"))
    for uid in uids:
        import pwd  # only under sudo

        try:
            entry = pwd.getpwuid(uid)
        except KeyError:
            continue
        gids |= frozenset(os.getgrouplist(entry.pw_name, entry.pw_gid))
    return uids, gids


def opened(environ: Mapping[str, str], opening: Callable[[], Opened]) -> Opened:
    """Open what the caller's own words name, with no more rights than the caller has.

    Under sudo the words are somebody's who is not root, and who may be allowed nothing but saferun:
    root's files must not be read to them, nor written. Raises what `opening` raises, and OSError
    where their rights cannot be had.
    """
    uids, gids = sudo_ids(environ)
    uid = next(iter(uids), 0)
    if not uid or os.geteuid() != 0:
        return opening()
    ours = os.getegid(), os.getgroups()
    try:
        os.setgroups(sorted(gids))
        os.setegid(next(iter(_numbers(environ, "SUDO_GID")), uid))
        os.seteuid(uid)
        return opening()
    finally:
        os.seteuid(0)
        os.setegid(ours[0])
        os.setgroups(ours[1])


def user_id(name: str) -> int | None:
    """Return the uid of a user's name, None when there is no such user."""
    import pwd  # only for laws that name somebody

    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        return None


def group_id(name: str) -> int | None:
    """Return the gid of a group's name, None when there is no such group."""
    import grp  # only for laws that name somebody

    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        return None


def _numbers(environ: Mapping[str, str], name: str) -> tuple[int, ...]:
    text = environ.get(name, "")
    return (int(text),) if text.isascii() and text.isdigit() else ()
