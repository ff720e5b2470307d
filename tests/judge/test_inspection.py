"""What is predicted of an image: commands followed to the end, and files that give something."""

from __future__ import annotations

import pytest

from saferun.judge.capabilities import DEFAULT, mask_of
from saferun.judge.execution import File, FileCapabilities, Process, started
from saferun.judge.file_tree import Tree
from saferun.judge.inspection import Finding, Run, inspect

NET_RAW = mask_of(("NET_RAW",))
EP = FileCapabilities(NET_RAW, 0, effective=True)
DIRECTORY, PROGRAM = File("directory"), File("file")
SH = File("file", interpreter="/bin/sh")
FILES = {
    "/bin": DIRECTORY,
    "/bin/sh": PROGRAM,
    "/bin/env": PROGRAM,
    "/bin/ping": PROGRAM.replace(capabilities=EP),
    "/bin/entry": SH.replace(calls=("chown", "gosu")),
    "/bin/closed": File("file", 0o700),
    "/bin/plain": File("file", 0o644),
    "/bin/by-env": File("file", interpreter="/bin/env", argument="ping"),
    "/bin/by-env-s": File("file", interpreter="/bin/env", argument="-S ping -c 1"),
    "/bin/round": File("file", interpreter="/bin/env", argument="round"),
    "/bin/deep": File("file", interpreter="/bin/deep"),
    "/bin/odd": PROGRAM.replace(fault="file capabilities of 3 bytes, revision 0"),
    "/bin/else": PROGRAM.replace(
        capabilities=FileCapabilities(NET_RAW, 0, effective=True, root_id=100000)
    ),
    "/sbin": DIRECTORY,
    "/sbin/ping": File("file", 0o700),
    "/secret": File("directory", 0o700),
    "/secret/tool": PROGRAM.replace(capabilities=EP),
}


def process(uid: int = 3267, bounding: int = 0, *, nnp: bool = False) -> Process:
    """A container's first process."""
    return started(uid, uid, frozenset(), bounding, no_new_privileges=nnp)


def of(
    *words: str, who: Process | None = None, files: dict[str, File] | None = None, **more: object
) -> tuple[Finding, ...]:
    """Return what is predicted of a command in the made-up image."""
    run = Run(who or process(), words, "/bin:/sbin").replace(**more)
    return inspect(Tree(FILES if files is None else files), run)


def told(*words: str, **more: object) -> list[tuple[str, str]]:
    """Return outcome and path of what is predicted of the command itself."""
    findings = of(*words, **more)  # type: ignore[arg-type]
    return [(one.outcome, one.path) for one in findings if one.command]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("sh",), []),
        (("/bin/sh", "-c", "x"), []),
        (("entry",), []),
        (("ping",), [("fails", "/bin/ping")]),
        (("by-env",), [("fails", "/bin/ping")]),
        (("by-env-s",), [("fails", "/bin/ping")]),
        (("closed",), [("fails", "/bin/closed")]),
        (("/bin/closed",), [("fails", "/bin/closed")]),
        (("/secret/tool",), [("fails", "/secret")]),
        (("/bin",), [("fails", "/bin")]),
        (("plain",), [("fails", "/bin/plain")]),
        (("nosuch",), [("fails", "nosuch")]),
        (("",), [("fails", "")]),
        (("/no/such",), [("fails", "/no/such")]),
        (("/bin/sh/x",), [("fails", "/bin/sh/x")]),
        (("odd",), [("cannot tell", "/bin/odd")]),
        (("else",), [("cannot tell", "/bin/else")]),
        (("deep",), [("fails", "/bin/deep")]),
        (("round",), [("fails", "/bin/round")]),
        ((), [("cannot tell", "")]),
    ],
)
def test_where_a_command_leads(words: tuple[str, ...], expected: list[tuple[str, str]]) -> None:
    """To the file at fault, if there is one."""
    assert told(*words) == expected


def test_path_is_searched_as_the_gate_does() -> None:
    """What is closed is passed over; what is relative is refused; no PATH, no word."""
    assert told("ping", path="/sbin:/bin", who=process(3267, NET_RAW)) == [("note", "/bin/ping")]
    assert told("sh", path="/none::/bin", directory="/sbin") == []
    assert told("sh", path="bin:/bin") == [("fails", "bin/sh")]
    assert told("sh", path="/sbin") == [("fails", "sh")]
    assert told("sh", path=None) == [("cannot tell", "sh")]
    assert told("./sh", path=None, directory="/bin") == []


def test_root_s_scripts_need_what_they_call() -> None:
    """gosu without SETUID and SETGID fails as root, and says nothing about anybody else."""
    powerless = of("entry", "x", who=process(0))
    assert [(one.path, one.needs) for one in powerless if one.command] == [
        ("/bin/entry", ("CHOWN",)),
        ("/bin/entry", ("SETGID", "SETUID")),
    ]
    assert told("entry", who=process(0, DEFAULT)) == []
    assert told("entry", who=process(3267)) == []
    some = process(0, mask_of(("SETUID", "CHOWN")))
    assert [one.needs for one in of("entry", who=some) if one.command] == [("SETGID",)]
    assert told("sh", "gosu", "app", "x", who=process(0)) == [("fails", "sh")]


@pytest.mark.parametrize("target", ["/bin", "/bin/sh", "/", None])
def test_what_a_mount_may_cover_cannot_be_told(target: str | None) -> None:
    """Another file may be there: the image's own says nothing."""
    assert told("sh", covered=(target,))[0][0] == "cannot tell"
    assert told("/bin/sh", covered=(target,))[0][0] == "cannot tell"
    assert told("entry", covered=("/data", "/binary")) == []


def setuid(uid: int, mode: int = 0o4755) -> File:
    """A file that changes who executes it."""
    return File("file", mode, uid, uid)


@pytest.mark.parametrize(
    ("who", "file", "outcome", "words"),
    [
        (process(), setuid(0), "note", "becomes uid 0, with no capabilities"),
        (process(3267, NET_RAW), setuid(0), "regains", "can regain NET_RAW, as uid 0"),
        (process(3267, NET_RAW), setuid(1), "note", "becomes uid 1, with no capabilities"),
        (process(3267, NET_RAW, nnp=True), setuid(0), None, ""),
        (process(3267, NET_RAW), setuid(0, 0o4700), None, ""),
        (process(), setuid(0, 0o2755), "note", "becomes gid 0, with no capabilities"),
        (process(), setuid(0, 0o2745), None, ""),
        (process(), PROGRAM.replace(capabilities=EP), "fails", "it needs NET_RAW"),
        (process(0), PROGRAM.replace(capabilities=EP), "fails", "it needs NET_RAW"),
        (process(0, NET_RAW), PROGRAM.replace(capabilities=EP), None, ""),
        (process(3267, NET_RAW), PROGRAM.replace(capabilities=EP), "regains", "NET_RAW"),
        (
            process(3267, NET_RAW, nnp=True),
            PROGRAM.replace(capabilities=EP),
            "note",
            "runs without NET_RAW",
        ),
        (
            process(),
            PROGRAM.replace(capabilities=EP.replace(effective=False)),
            "note",
            "runs without NET_RAW",
        ),
        (process(), PROGRAM.replace(fault="x"), "cannot tell", "x"),
        (process(), SH.replace(mode=0o4755), None, ""),
        (process(), PROGRAM, None, ""),
    ],
)
def test_what_a_file_gives(who: Process, file: File, outcome: str | None, words: str) -> None:
    """Joined with what is in the bounding set."""
    files = {"/sh": PROGRAM, "/file": file}
    found = [one for one in of("/sh", who=who, files=files) if one.path == "/file"]
    assert [one.outcome for one in found] == ([outcome] if outcome else [])
    assert all(words in one.reason for one in found)


def test_one_file_opens_the_way_to_another() -> None:
    """Who became root may execute what only root may, and that is told with the way."""
    files = {
        "/su": setuid(0),
        "/closed": DIRECTORY.replace(mode=0o700),
        "/closed/ping": PROGRAM.replace(mode=0o700, capabilities=EP),
    }
    (finding,) = (one for one in of("/su", files=files) if one.path == "/closed/ping")
    assert finding.outcome == "fails"
    without = {path: file for path, file in files.items() if path != "/su"}
    assert all(one.path != "/closed/ping" for one in of("/x", files=without))


def test_an_image_cannot_win_time() -> None:
    """Where there is more than can be followed, it is said; it is never clean."""
    files = {"/sh": PROGRAM} | {f"/{uid}": setuid(uid) for uid in range(1, 40)}
    reasons = [one.reason for one in of("/sh", files=files) if one.outcome == "cannot tell"]
    assert reasons == ["set-id files make too many different processes"]
    files = {"/sh": PROGRAM} | {f"/{number}": setuid(0) for number in range(10_007)}
    reasons = [one.reason for one in of("/sh", files=files) if one.outcome == "cannot tell"]
    assert reasons == ["7 more files with set-id bits or capabilities"]


def test_the_command_s_own_program_gets_what_was_meant_for_it() -> None:
    """That is a note; the same file beside another command is a finding."""
    allowed = process(3267, NET_RAW)
    assert told("ping", who=allowed) == [("note", "/bin/ping")]
    found = {one.path: one.outcome for one in of("sh", who=allowed)}
    assert found["/bin/ping"] == "regains"


def test_ports_below_1024_of_the_host() -> None:
    """Only with the host's network, and not for who holds NET_BIND_SERVICE."""
    bind = mask_of(("NET_BIND_SERVICE",))
    port = [one for one in of("sh", ports=("80/tcp",)) if "port 80/tcp" in one.reason]
    assert [one.needs for one in port] == [()]
    root = [one for one in of("sh", ports=("80/tcp",), who=process(0)) if "port" in one.reason]
    assert [one.needs for one in root] == [("NET_BIND_SERVICE",)]
    assert not [
        one for one in of("sh", ports=("80/tcp",), who=process(0, bind)) if "port" in one.reason
    ]
    server = {"/web": PROGRAM.replace(capabilities=FileCapabilities(bind, 0, effective=True))}
    found = of("/web", ports=("80/tcp",), who=process(3267, bind), files=server)
    assert not [one for one in found if "port" in one.reason]


def test_directories_of_others_on_the_host() -> None:
    """Root without DAC_OVERRIDE is nobody special to them."""
    theirs = (("/data", File("directory", 0o755, 1000, 1000)),)
    (finding,) = (one for one in of("sh", who=process(0), binds=theirs) if one.path == "/data")
    assert (finding.needs, finding.advice) == (("DAC_OVERRIDE",), "--user=1000:1000")
    overrides = process(0, mask_of(("DAC_OVERRIDE",)))
    open_ = (("/data", File("directory", 0o777, 1000, 1000)),)
    for who, binds in ((overrides, theirs), (process(0), open_), (process(), theirs)):
        assert all(one.path != "/data" for one in of("sh", who=who, binds=binds))


def test_the_order_is_fixed() -> None:
    """The command first, then what fails, is regained, cannot be told, and notes."""
    outcomes = [one.outcome for one in of("closed", who=process(3267, NET_RAW))]
    order = ["fails", "regains", "cannot tell", "note"]
    assert outcomes[0] == "fails"
    assert outcomes[1:] == sorted(outcomes[1:], key=order.index)
