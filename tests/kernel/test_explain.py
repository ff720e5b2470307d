"""--explain: what would be decided and run, and why; and the layers of law that decide it."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.kernel.conftest import Ended, missing
from tests.kernel.programs import recorder, rest, running, saferun_words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from tests.kernel.conftest import Command

    Build = Callable[[str], str]

SECRET = "hunter2"
DROPPED = "a non-root user keeps no capability it did not ask for"
REQUIRED = "no-new-privileges is required"


@pytest.fixture
def explain(saferun: Command) -> Callable[..., Any]:
    """Return a function that asks for JSON, and reads it."""

    def ask(*words: str, env: Mapping[str, str] | None = None) -> Any:  # noqa: ANN401 - JSON
        ended = saferun("--explain=json", *words, env=env)
        assert ended.stderr == ""
        told = json.loads(ended.stdout)
        assert ended.status == (0 if told["decision"] == "allowed" else 125)
        return told

    return ask


def policy(path: Path, *lines: str) -> str:
    """Write a policy file; return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines))
    return str(path)


def test_what_is_allowed_is_explained_for_people(
    saferun: Command, image: Build, tmp_path: Path
) -> None:
    """Who, what is added and by which line of which file, what may be held, and the command."""
    law = policy(
        tmp_path / "law.toml",
        *("[defaults]", "pids-limit = 512", "[nonroot.limits]", 'cap-add = ["NET_BIND_SERVICE"]'),
        *("[require]", 'security-opt = ["no-new-privileges"]'),
    )
    words = ("--policy", law, "-u", "app", "--cap-add", "net_bind_service", image("busybox"), "id")
    ended = saferun("--explain", *words)
    assert (ended.status, ended.stderr) == (0, "")
    *lines, command = ended.stdout.splitlines()
    assert lines == [
        "user: app, uid 3267: not root",
        f"default: --pids-limit=512 ({law}:2 defaults.pids-limit)",
        f"added: --cap-drop=ALL: {DROPPED} (built-in nonroot.require.cap-drop)",
        f"added: --security-opt=no-new-privileges: {REQUIRED} ({law}:6 require.security-opt)",
        "may hold, as uid 0: NET_BIND_SERVICE",
        "may hold, as any other uid: NET_BIND_SERVICE",
        "must have: no-new-privileges",
        "allowed: this would run",
    ]
    assert shlex.split(command)[1] == "run"


def test_what_is_denied_is_explained_for_people(saferun: Command, image: Build) -> None:
    """The same reasons as without --explain, on stdout, and no command; 125."""
    words = ("-u", "3267", "--privileged", "--cap-add=SYS_ADMIN", image("busybox"), "id")
    denied, explained = saferun(*words), saferun("--explain", *words)
    assert (denied.status, denied.stdout) == (125, "")
    assert (explained.status, explained.stderr) == (125, "")
    lines = [line.removeprefix("saferun: ") for line in denied.stderr.splitlines()]
    assert explained.stdout.splitlines() == ["user: 3267, uid 3267: not root", *lines]
    assert len([line for line in lines if line.startswith("denied: ")]) == 2


def test_json_has_every_reason_with_its_origins(explain: Callable[..., Any], image: Build) -> None:
    """One shape for allowed and denied, with a version."""
    told = explain("-u", "3267", image("busybox"), "id")
    assert set(told) == {
        *("schema", "decision", "user", "violations", "obligations", "defaults", "masks", "argv"),
        *("rules", "notices"),
    }
    assert (told["schema"], told["decision"]) == (1, "allowed")
    assert told["user"] == {"asked": "3267", "uid": 3267, "root": False}
    assert (told["violations"], told["defaults"]) == ([], [])
    (obligation,) = told["obligations"]
    assert (obligation["flag"], obligation["value"]) == ("cap-drop", "ALL")
    built_in = {"source": "built-in", "line": 0, "key": "nonroot.require.cap-drop"}
    assert obligation["origins"] == [built_in]
    masks = {"root": "0" * 16, "other": "0" * 16, "no_new_privileges": False}
    assert told["masks"] == masks

    told = explain("-u", "3267", "--cap-add", "SYS_ADMIN", image("busybox"), "id")
    assert (told["decision"], told["masks"], told["argv"]) == ("denied", None, [])
    (violation,) = told["violations"]
    assert violation["check"] == "cap-add"
    assert "SYS_ADMIN" in violation["reason"]
    assert violation["origins"] == [
        {"source": "built-in", "line": 0, "key": "nonroot.limits.cap-add"}
    ]


@pytest.mark.parametrize(
    ("name", "user", "uid", "root"),
    [
        ("busybox", (), 0, True),
        ("busybox", ("-u", "0"), 0, True),
        ("busybox", ("-u", "00"), 0, True),
        ("busybox", ("-u", ":1000"), 0, True),
        ("busybox", ("-u", "toor"), 0, True),
        ("busybox", ("-u", "app"), 3267, False),
        ("busybox", ("-u", "0", "-u", "3267"), 3267, False),
        ("user-app", (), 3267, False),
        ("user-app", ("-u", ""), 3267, False),
        ("passwd-root-is-3267", ("-u", "root"), 3267, False),
        ("passwd-none", ("-u", "app"), None, False),
        ("busybox", ("-u", "nobody-has-this-name"), None, False),
    ],
)
def test_the_user_is_who_the_engine_would_make_it(
    explain: Callable[..., Any],
    image: Build,
    name: str,
    user: tuple[str, ...],
    uid: int | None,
    root: bool,  # noqa: FBT001 - a case
) -> None:
    """Not a comparison of words."""
    told = explain(*user, image(name), "id")
    assert (told["user"]["uid"], told["user"]["root"]) == (uid, root)
    assert ("--cap-drop=ALL" in told["argv"]) == (not root)


def placed(word: str) -> str:
    """Return a word without the gate's place in the container, which every run chooses anew."""
    return re.sub("/[.]saferun/[0-9a-f]{16}", "/.saferun/…", word)


@pytest.mark.parametrize(
    "options",
    [
        ("--rm", "-u3267"),
        ("--rm", "-it", "-u", "app", "--name=x y", "-l", "a=b c", "-w/tmp", "-e", "A=1"),
        ("-d", "--init", "--entrypoint", "", "-v", "/tmp:/host:ro", "--net", "none"),
        ("--rm", "-u", "0"),
        ("--rm", "--user=root", "--privileged"),
    ],
    ids=" ".join,
)
def test_the_command_that_is_shown_is_the_one_that_runs(
    saferun: Command,
    explain: Callable[..., Any],
    image: Build,
    tmp_path: Path,
    options: tuple[str, ...],
) -> None:
    """What the docker CLI gets is, word for word, what both forms of --explain show."""
    cli, commands = recorder(tmp_path)
    script = Path(cli)
    # It must not really run: this is about the words.
    script.write_text(script.read_text().replace('exec "$DOCKER" "$@"', "exit 3"))
    words = (*options, image("busybox"), "echo", "it's", "--rm", "", "two words", "$HOME")
    env = {"SAFERUN_DOCKER": cli}
    told = explain(*words, env=env)
    shown = saferun("--explain", *words, env=env).stdout.splitlines()[-1]
    assert commands() == []
    assert saferun(*words, env=env).status == 3
    (ran,) = commands()
    secret = [word.replace("--env=A=1", "--env=A=***") for word in ran]
    for argv in (told["argv"], shlex.split(shown)):
        assert [placed(word) for word in argv] == [placed(word) for word in (cli, *secret)]


def test_nothing_is_started_or_made(
    docker: Command, saferun: Command, image: Build, tmp_path: Path
) -> None:
    """Neither the container, nor its --cidfile, --report or volumes, and docker is not called."""
    cli, commands = recorder(tmp_path)
    cid, report = tmp_path / "cid", tmp_path / "report"
    volume = f"saferun-test-{tmp_path.name[-8:].replace('_', 'x')}"
    words = ("--cidfile", str(cid), "--report", str(report), "-v", f"{volume}:/data")
    for form in ("--explain", "--explain=json"):
        for detach in ((), ("-d",)):
            ended = saferun(
                form, *detach, "-u", "3267", *words, image("busybox"), env={"SAFERUN_DOCKER": cli}
            )
            assert (ended.status, ended.stderr) == (0, "")
    assert commands() == []
    assert not cid.exists()
    assert not report.exists()
    assert docker("volume", "inspect", volume).status == 1


def test_secrets_appear_nowhere(saferun: Command, image: Build, tmp_path: Path) -> None:
    """The values of -e are in no explanation, no denial and no report; the container gets them."""
    environment = (
        *("-e", f"PASSWORD={SECRET}", f"--env=TOKEN={SECRET}", f"-eKEY={SECRET}"),
        *(f"-ie=X={SECRET}", "-e", "FROM_HERE"),
    )
    env = {"FROM_HERE": SECRET}
    report = tmp_path / "report"
    file = tmp_path / "env"
    file.write_text(f"LISTED={SECRET}\n")
    words = ("--env-file", str(file), *environment, image("busybox"), "sh", "-c", "env | sort")
    told = [
        saferun("--explain", "-u", "3267", *words, env=env),
        saferun("--explain=json", "-u", "3267", *words, env=env),
        saferun("--explain", "-u", "3267", "--privileged", *words, env=env),
        saferun("-u", "3267", "--privileged", *words, env=env),
        saferun("-u", "3267", "--pull=nonsense", *words, env=env),
        saferun("-u", "3267", "--policy", "/no/such", *words, env=env),
    ]
    assert [ended.status for ended in told] == [0, 0, 125, 125, 125, 125]
    for ended in told:
        assert SECRET not in ended.stdout + ended.stderr
    assert "--env=PASSWORD=***" in told[1].stdout
    ended = saferun("--rm", "-u", "3267", "--report", str(report), *words, env=env)
    assert ended.status == 0
    assert ended.stdout.count(f"={SECRET}\n") == 6
    assert SECRET not in report.read_text()
    assert report.stat().st_mode & 0o077 == 0


# ---- The layers ----------------------------------------------------------------------------------


def witnesses(told: dict[str, Any]) -> set[str]:
    """Return where the violations come from, as file names and lines."""
    return {
        f"{Path(origin['source']).name}:{origin['line']} {origin['key']}"
        for violation in told["violations"]
        for origin in violation["origins"]
    }


def test_a_file_may_allow_what_the_built_in_law_does_not(
    explain: Callable[..., Any], image: Build, tmp_path: Path
) -> None:
    """The built-in limit is a default; only what the file names is allowed."""
    law = policy(tmp_path / "law.toml", "[nonroot.limits]", 'cap-add = ["NET_RAW", "CHOWN"]')
    words = ("-u", "3267", image("busybox"), "id")
    told = explain("--policy", law, "--cap-add", "CAP_NET_RAW", *words)
    assert told["decision"] == "allowed"
    assert told["masks"]["other"] == f"{1 << 13:016x}"
    told = explain("--policy", law, "--cap-add", "NET_RAW", "--cap-add", "SYS_ADMIN", *words)
    assert told["decision"] == "denied"
    assert witnesses(told) == {"law.toml:2 nonroot.limits.cap-add"}


def test_files_that_are_named_only_narrow(
    explain: Callable[..., Any], image: Build, tmp_path: Path
) -> None:
    """--policy repeated, and SAFERUN_POLICY: limits intersect, and the narrow one is named."""
    wide = policy(tmp_path / "wide.toml", "[nonroot.limits]", 'cap-add = ["NET_RAW", "CHOWN"]')
    narrow = policy(tmp_path / "narrow.toml", "", "[nonroot.limits]", 'cap-add = ["CHOWN"]')
    words = ("-u", "3267", "--cap-add=NET_RAW", image("busybox"), "id")
    assert explain("--policy", wide, *words)["decision"] == "allowed"
    for told in (
        explain("--policy", wide, "--policy", narrow, *words),
        explain(f"--policy={narrow}", "--policy", wide, *words),
        explain("--policy", wide, *words, env={"SAFERUN_POLICY": narrow}),
        explain(*words, env={"SAFERUN_POLICY": f"{wide}:{narrow}"}),
    ):
        assert told["decision"] == "denied"
        assert "narrow.toml:3 nonroot.limits.cap-add" in witnesses(told)


@pytest.fixture
def trusted() -> Iterator[Path]:
    """A directory that nobody else could have put there, unlike anything in /tmp."""
    with tempfile.TemporaryDirectory(dir="/run") as made:
        yield Path(made)


def test_the_users_file_counts(explain: Callable[..., Any], image: Build, trusted: Path) -> None:
    """In XDG_CONFIG_HOME, or in ~/.config."""
    law = trusted / "configuration" / "saferun" / "policy.toml"
    policy(law, "[limits]", "privileged = false")
    shutil.copytree(trusted / "configuration", trusted / "home" / ".config")
    words = ("-u", "0", "--privileged", image("busybox"), "id")
    assert explain(*words)["decision"] == "allowed"
    for env in (
        {"XDG_CONFIG_HOME": str(trusted / "configuration")},
        {"HOME": str(trusted / "home")},
    ):
        told = explain(*words, env=env)
        assert told["decision"] == "denied"
        assert witnesses(told) == {"policy.toml:2 limits.privileged"}


def in_etc(etc: Path, environment: Mapping[str, str], *words: str) -> Ended:
    """Run saferun with a directory in the place of /etc, which nobody else sees."""
    mounted = 'mount --bind "$0" /etc && exec "$@"'
    unshare = ["unshare", "--mount", "sh", "-c", mounted, str(etc)]
    if subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode:
        missing("mounting is not permitted here")
    with running([*unshare, *saferun_words(), *words], environment) as process:
        status, out, err = rest(process)
    return Ended(status, out.decode(), err.decode())


def test_the_systems_files_come_first_and_cannot_be_widened(
    image: Build, environment: Mapping[str, str], tmp_path: Path
) -> None:
    """/etc/saferun/policy.toml and policy.d: no named file gives back what they do not."""
    etc = tmp_path / "etc"
    policy(etc / "saferun" / "policy.toml", "[nonroot.limits]", 'cap-add = ["CHOWN", "NET_RAW"]')
    policy(etc / "saferun" / "policy.d" / "10.toml", "[nonroot.limits]", 'cap-add = ["CHOWN"]')
    policy(etc / "saferun" / "policy.d" / "notes.txt", "not a policy")
    law = policy(tmp_path / "law.toml", "[nonroot.limits]", 'cap-add = ["NET_RAW", "SYS_ADMIN"]')
    words = ("--explain=json", "-u", "3267", image("busybox"), "id")
    ended = in_etc(etc, environment, "--cap-add=CHOWN", *words)
    assert json.loads(ended.stdout)["decision"] == "allowed"
    ended = in_etc(etc, environment, "--policy", law, "--cap-add=NET_RAW", *words)
    assert ended.status == 125
    told = json.loads(ended.stdout)
    sources = {origin["source"] for origin in told["violations"][0]["origins"]}
    assert "/etc/saferun/policy.d/10.toml" in sources


def test_a_system_file_that_cannot_be_trusted_stops_everything(
    image: Build, environment: Mapping[str, str], tmp_path: Path
) -> None:
    """Writable by others, or another user's, or below such a directory."""
    etc = tmp_path / "etc"
    path = etc / "saferun" / "policy.toml"
    policy(path)
    words = ("-u", "3267", "--rm", image("busybox"), "id")
    assert in_etc(etc, environment, *words).status == 0
    for where, mode, owner, said in (
        (path, 0o666, 0, "policy.toml can be written by others"),
        (path.parent, 0o777, 0, "/etc/saferun can be written by others"),
        (path, 0o644, 65534, "policy.toml belongs to uid 65534, not to root"),
    ):
        before = where.stat().st_mode
        where.chmod(mode)
        os.chown(where, owner, owner)
        ended = in_etc(etc, environment, *words)
        where.chmod(before)
        os.chown(where, 0, 0)
        assert (ended.status, ended.stdout) == (125, "")
        assert said in ended.stderr
        assert ended.stderr.endswith("saferun: nothing was started\n")


def test_defaults_are_used_where_the_command_line_is_silent(
    explain: Callable[..., Any], image: Build, tmp_path: Path
) -> None:
    """The later file wins; what was said on the command line wins over all."""
    first = policy(tmp_path / "1.toml", "[defaults]", "pids-limit = 10", 'memory = "64m"')
    second = policy(tmp_path / "2.toml", "[defaults]", "pids-limit = 20")
    files = ("--policy", first, "--policy", second)
    told = explain(*files, image("busybox"), "id")
    assert {"--pids-limit=20", "--memory=64m"} <= set(told["argv"])
    origins = {each["flag"]: each["origins"][0]["source"] for each in told["defaults"]}
    assert origins == {"memory": first, "pids-limit": second}
    told = explain(*files, "--pids-limit", "5", image("busybox"), "id")
    assert "--pids-limit=5" in told["argv"]
    assert [each["flag"] for each in told["defaults"]] == ["memory"]


def test_a_default_user_decides_which_tables_apply(
    explain: Callable[..., Any], image: Build, tmp_path: Path
) -> None:
    """`[defaults] user` makes a container without -u a non-root one."""
    law = policy(tmp_path / "law.toml", "[defaults]", 'user = "3267"')
    told = explain("--policy", law, image("busybox"), "id")
    assert told["user"] == {"asked": "3267", "uid": 3267, "root": False}
    assert {"--user=3267", "--cap-drop=ALL"} <= set(told["argv"])
    told = explain("--policy", law, "-u", "0", image("busybox"), "id")
    assert told["user"]["root"]


def test_requirements_accumulate_and_cannot_be_turned_off(
    explain: Callable[..., Any], image: Build, tmp_path: Path
) -> None:
    """Each file's requirement holds; a command line against it is refused with the line."""
    one = policy(tmp_path / "1.toml", "[require]", "read-only = true")
    two = policy(tmp_path / "2.toml", "[require]", 'security-opt = ["no-new-privileges"]')
    files = ("--policy", one, "--policy", two, "-u", "0")
    told = explain(*files, image("busybox"), "id")
    assert {"--read-only=true", "--security-opt=no-new-privileges"} <= set(told["argv"])
    assert told["masks"]["no_new_privileges"] is True
    told = explain(
        *files, "--read-only=false", "--security-opt=no-new-privileges=false", image("busybox")
    )
    assert witnesses(told) == {"1.toml:2 require.read-only", "2.toml:2 require.security-opt"}


def test_verify_off_needs_a_law_that_says_so(
    saferun: Command, explain: Callable[..., Any], image: Build, tmp_path: Path
) -> None:
    """And then there is no gate."""
    words = ("--verify=off", "-u", "3267", image("busybox"), "id", "-u")
    told = explain(*words)
    assert [each["check"] for each in told["violations"]] == ["verify"]
    law = policy(tmp_path / "law.toml", "[limits]", 'verify = ["on", "off"]')
    told = explain("--policy", law, *words)
    assert not [word for word in told["argv"] if ".saferun" in word]
    ended = saferun("--policy", law, "--rm", *words)
    assert (ended.status, ended.stdout, ended.stderr) == (0, "3267\n", "")
