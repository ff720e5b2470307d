"""What will go wrong with an image, and what could be regained in it, told before its first run.

The command is followed as the gate and the kernel would follow it: through PATH, links and the
interpreters of scripts. Then every file with a set-id bit or with capabilities is executed in mind,
by the container's first process and by whatever others have become through such files.
"""

from __future__ import annotations

from saferun.judge.capabilities import ALL, mask_of, names_of
from saferun.judge.execution import SETGID, SETUID, File, Process, execute, missing
from saferun.judge.file_tree import Place, Tree, find
from saferun.judge.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Literal, TypeAlias

    Outcome: TypeAlias = Literal["fails", "regains", "note", "cannot tell"]

#: Programs that scripts call as root, and the capabilities that root needs for what they do.
CALLED: dict[str, tuple[str, ...]] = {
    "chown": ("CHOWN",),
    "chpst": ("SETGID", "SETUID"),
    "chroot": ("SYS_CHROOT",),
    "gosu": ("SETGID", "SETUID"),
    "runuser": ("SETGID", "SETUID"),
    "s6-setuidgid": ("SETGID", "SETUID"),
    "setpriv": ("SETGID", "SETUID"),
    "setuidgid": ("SETGID", "SETUID"),
    "su": ("SETGID", "SETUID"),
    "su-exec": ("SETGID", "SETUID"),
    "sudo": ("SETGID", "SETUID"),
}
#: How many interpreters the kernel follows from script to script.
MOST_INTERPRETERS = 4
#: How many files with set-id bits or capabilities are looked at, and how many different processes
#: that they make are followed: no honest image has more, and a hostile one must not win time.
MOST_SPECIAL, MOST_STATES = 10_000, 16


class Finding(Record):
    """One prediction.

    `outcome`: "fails", "regains" (capabilities, through a file), "note", or "cannot tell". `path`
    is the file, `command` tells whether it is on the way of the container's command. `needs` are
    the capabilities that would help, or are regained; `advice` is what else would help.
    """

    outcome: Outcome
    path: str
    reason: str
    command: bool = False
    needs: tuple[str, ...] = ()
    advice: str = ""


class Run(Record):
    """How the image is run: as which process, which words, found how, with what mounted over it.

    `path` is the value of PATH, None where it cannot be told. `covered` are mount targets, None for
    one that may be anywhere. `binds` are directories of the host by their target, with owner and
    mode, that are mounted to be written to. `ports` are those below 1024 that the image exposes, if
    they are the host's.
    """

    process: Process
    words: tuple[str, ...]
    path: str | None = ""
    directory: str = "/"
    covered: tuple[str | None, ...] = ()
    binds: tuple[tuple[str, File], ...] = ()
    ports: tuple[str, ...] = ()


def inspect(tree: Tree, run: Run) -> tuple[Finding, ...]:
    """Return all that is predicted; first the command, then what else is in the image."""
    command = _Command(tree, run)
    found = [*command.findings(), *_environment(run, command.process)]
    told = {finding.path for finding in found if finding.outcome in ("fails", "cannot tell")}
    found += [
        _as_command(one) if one.path == command.program else one
        for one in _privileged(tree, run.process)
        if one.path not in told
    ]
    order = {"fails": 0, "regains": 1, "cannot tell": 2, "note": 3}
    found.sort(key=lambda one: (not one.command, order[one.outcome], one.path))
    return tuple(dict.fromkeys(found))


def _as_command(finding: Finding) -> Finding:
    """Return a prediction for the container's own program, which gets what was meant for it."""
    if finding.outcome != "regains":
        return finding.replace(command=True)
    reason = f"gets {' '.join(finding.needs)}, which was allowed"
    return Finding("note", finding.path, reason, command=True, needs=finding.needs)


def closed(process: Process, path: str, file: File) -> Finding:
    """Return the prediction for a file or directory that a process may not execute or enter."""
    who = [f"uid {file.uid}"] if file.mode & 0o100 else []
    who += [f"gid {file.gid}"] if file.mode & 0o010 else []
    done = "entered" if file.kind == "directory" else "executed"
    only = f"may be {done} only by {' or '.join(who)}" if who else f"may be {done} by nobody"
    return Finding(
        "fails",
        path,
        f"permission denied: {only}",
        command=True,
        needs=("DAC_OVERRIDE",) if process.euid == 0 and file.mode & 0o111 else (),
        advice="chmod o+x in the image, or another --user",
    )


class _Command:
    """Follows the command's words to the program that will run.

    Afterwards `program` is its path, and `process` what has executed it.
    """

    def __init__(self, tree: Tree, run: Run) -> None:
        self.tree = tree
        self.run = run
        self.process = run.process
        self.program = ""
        self.found: list[Finding] = []

    def findings(self) -> list[Finding]:
        if not self.run.words:
            self._say("cannot tell", "", "there is no command")
            return self.found
        self._word(self.run.words, 0)
        return self.found

    def _say(self, outcome: Outcome, path: str, reason: str, *needs: str, advice: str = "") -> None:
        self.found.append(Finding(outcome, path, reason, True, needs, advice))  # noqa: FBT003

    def _word(self, words: tuple[str, ...], depth: int) -> None:
        """Find a word as the gate does, and execute what is there."""
        self._calls(words[0], tuple(word.rpartition("/")[2] for word in words))
        if "/" in words[0]:
            self._file(words[0], depth)
            return
        if self.run.path is None:
            self._say("cannot tell", words[0], "the value of PATH cannot be told from here")
            return
        shut: Finding | None = None
        for directory in self.run.path.split(":"):
            candidate = f"{directory or '.'}/{words[0]}"
            place = find(self.tree, candidate, self.run.directory)
            if self._covered(candidate, place):
                return
            at = place.closed_to(self.process)
            if at is not None:
                shut = shut or closed(self.process, *at)
            elif place.file is not None and place.file.kind == "file":
                if directory.startswith("/"):
                    self._file(candidate, depth)
                else:
                    self._say("fails", candidate, "found relative to the current directory")
                return
        self.found += [shut] if shut and shut.path.endswith("/" + words[0]) else []
        if not self.found:
            self._say("fails", words[0], "executable file not found in $PATH")

    def _file(self, path: str, depth: int, asked_by: str = "") -> None:
        """Execute a file, or the interpreter of a script."""
        place = find(self.tree, path, self.run.directory)
        file = place.file
        if self._covered(path, place):
            return
        if file is None:
            its = f", the interpreter of {asked_by}" if asked_by else ""
            self._say("fails", path, place.problem + its)
            return
        at = place.closed_to(self.process)
        if at is not None:
            self.found.append(closed(self.process, *at))
            return
        if file.kind != "file":
            self._say("fails", place.path, f"it is a {file.kind}, not a program")
        elif not file.interpreter:
            self._program(place.path, file)
        elif depth > MOST_INTERPRETERS:
            self._say("fails", place.path, "too many levels of symbolic links: interpreters")
        else:
            self._calls(place.path, file.calls)
            # What counts from here on is the interpreter; the script's own bits do not.
            self._file(file.interpreter, depth + 1, place.path)
            if file.interpreter.rpartition("/")[2] == "env":
                words = file.argument.removeprefix("-S").split()
                if words and words[0][0] != "-" and "=" not in words[0]:
                    self._word((words[0],), depth + 1)

    def _program(self, path: str, file: File) -> None:
        unclear = _unclear(file)
        lacks = missing(self.process, file)
        if unclear:
            self._say("cannot tell", path, unclear)
        elif lacks:
            self.found.append(_refused(path, lacks).replace(command=True))
        else:
            self.program, self.process = path, execute(self.run.process, file)

    def _calls(self, path: str, names: tuple[str, ...]) -> None:
        """Judge what root's script calls: without its capabilities root may not do it either."""
        if self.process.euid != 0:
            return
        for name in names:
            lacks = mask_of(CALLED.get(name, ())) & ~self.process.effective
            if lacks:
                needs = names_of(lacks)
                self._say("fails", path, f"{name} fails as root without {' '.join(needs)}", *needs)

    def _covered(self, path: str, place: Place) -> bool:
        """Tell, and say, whether a mount may have put another file there."""
        own = [place.path, *(at for at, _ in place.passed[1:])]
        own += [path] if path.startswith("/") else []
        for target in self.run.covered:
            for one in own:
                if target is None or target == one or one.startswith(f"{target.rstrip('/')}/"):
                    shown = "something that is mounted" if target is None else f"{target}, mounted"
                    self._say("cannot tell", path, f"{shown} over the image, may cover it")
                    return True
        return False


def _environment(run: Run, process: Process) -> Iterator[Finding]:
    for port in run.ports:
        if "NET_BIND_SERVICE" not in names_of(process.effective):
            root = process.euid == 0
            yield Finding(
                "fails",
                "",
                f"listening on port {port} of the host: permission denied, unless its "
                "net.ipv4.ip_unprivileged_port_start is lower",
                needs=("NET_BIND_SERVICE",) if root else (),
                advice=f"--publish={port.partition('/')[0]}:PORT instead of --network=host",
            )
    for target, file in run.binds:
        if process.euid == 0 and "DAC_OVERRIDE" not in names_of(process.effective):
            member = file.gid == process.egid or file.gid in process.groups
            shift = 6 if file.uid == 0 else 3 if member else 0
            if not file.mode >> shift & 2:
                yield Finding(
                    "fails",
                    target,
                    f"writing: permission denied: it is uid {file.uid}'s on the host, with mode "
                    f"{file.mode & 0o7777:04o}",
                    needs=("DAC_OVERRIDE",),
                    advice=f"--user={file.uid}:{file.gid}",
                )


def _unclear(file: File) -> str:
    """Return why it cannot be told what the kernel makes of a file's capabilities, if so."""
    if file.fault:
        return f"its attributes make no sense: {file.fault}"
    if file.capabilities is not None and file.capabilities.root_id:
        uid = file.capabilities.root_id
        return f"it has capabilities for containers whose root is uid {uid} of the host"
    return ""


def _refused(path: str, lacks: int) -> Finding:
    needs = names_of(lacks)
    return Finding(
        "fails", path, f"operation not permitted: it needs {' '.join(needs)}", needs=needs
    )


def _privileged(tree: Tree, first: Process) -> Iterator[Finding]:
    """Yield what files with set-id bits and capabilities do for whoever executes them."""
    special = sorted(
        path
        for path, file in tree.files.items()
        # Of a script nothing but the mode counts.
        if file.kind == "file"
        and not file.interpreter
        and (file.mode & (SETUID | SETGID) or file.capabilities or file.fault)
    )
    if len(special) > MOST_SPECIAL:
        more = len(special) - MOST_SPECIAL
        yield Finding("cannot tell", "", f"{more} more files with set-id bits or capabilities")
        del special[MOST_SPECIAL:]
    states: list[tuple[Process, str]] = [(first, "")]
    told: set[str] = set()
    for process, through in states:
        for path in special:
            place = find(tree, path)
            file = place.file
            if file is None or place.closed_to(process):
                continue
            if path not in told:
                told.add(path)
                yield from _told(path, file, process, through)
            if _unclear(file) or missing(process, file):
                continue
            after = execute(process, file)
            if any(after == known for known, _ in states):
                continue
            if len(states) == MOST_STATES:
                yield Finding("cannot tell", "", "set-id files make too many different processes")
                return
            states.append((after, path))


def _told(path: str, file: File, process: Process, through: str) -> Iterator[Finding]:
    after_that = f", after {through}" if through else ""
    unclear = _unclear(file)
    if unclear:
        yield Finding("cannot tell", path, unclear)
        return
    lacks = missing(process, file)
    if lacks:
        yield _refused(path, lacks)
        return
    after = execute(process, file)
    gained = after.permitted & ~process.permitted
    its = file.capabilities
    without = () if its is None else names_of(its.permitted & ALL & ~after.permitted)
    lost = f"runs without {' '.join(without)}"
    who = f"uid {after.euid}" if after.euid != process.euid else ""
    if after.egid != process.egid:
        who = f"{who}, gid {after.egid}".lstrip(", ")
    if gained:
        names = names_of(gained)
        as_whom = f", as {who}" if who else ""
        yield Finding(
            "regains",
            path,
            f"can regain {' '.join(names)}{as_whom}{after_that}{f'; {lost}' if without else ''}",
            needs=names,
            advice="--security-opt=no-new-privileges, or leave the file out of the image",
        )
        return
    if who:
        with_what = "with no more capabilities" if after.permitted else "with no capabilities"
        yield Finding("note", path, f"becomes {who}, {with_what}{after_that}")
    if without:
        yield Finding("note", path, f"{lost}{after_that}", needs=without)
