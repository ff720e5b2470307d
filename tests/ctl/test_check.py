"""`saferunctl check`: what it reads, what it prints, and what it ends with, without an engine."""

from __future__ import annotations

import io
import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

from saferun import ctl

if TYPE_CHECKING:
    from pathlib import Path

#: What every body here has, so that nothing else is wrong with it.
BODY = {"Image": "img", "User": "3267"}
ANSWER = {"Id": "1", "Image": "sha256:1", "Config": {**BODY, "User": "0"}}
SAFE = {**BODY, "HostConfig": {"CapDrop": ["ALL"]}}


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No policy of the person's own, and no engine."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("SAFERUN_DOCKER", "/bin/false")
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody")
    monkeypatch.delenv("SAFERUN_POLICY", raising=False)
    monkeypatch.chdir(tmp_path)


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    """Run the command as the program does; return its exit status."""
    monkeypatch.setattr(sys, "argv", ["saferunctl", "check", *words])
    with pytest.raises(SystemExit) as ended:
        ctl.main()
    return int(ended.value.code or 0)


def file(path: Path, content: object) -> str:
    """Write a file; return its path."""
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return str(path)


#: A policy that forbids nothing, and what saferun starts on Docker, and not on Podman.
POLICY = ("--policy", "./policy.toml")
LIST, AGAIN = "--sysctl=net.ipv4.a=1,b", "--volumes-from=other:rw"


@pytest.mark.parametrize(
    ("words", "status", "why"),
    [
        # Of the newer docker's, or Podman's.
        (("--", "-u1", "--frob", "img"), 0, ""),
        ((*POLICY, "--", "-u1", "--frob", "img"), 2, "no policy can speak of --frob"),
        (("--", "-u1", LIST, "img"), 0, ""),
        ((*POLICY, "--", "-u1", "img"), 0, ""),
        ((*POLICY, "--", "-u1", LIST, "img"), 2, "if the engine is Podman: saferun would"),
        (("--", "-u1", AGAIN, "img"), 2, "if the engine is Podman: saferun would not start it"),
        (("--", "-u1", AGAIN.replace("rw", "ro"), "img"), 0, ""),
    ],
)
def test_a_line_that_no_policy_can_speak_of_is_not_called_clean(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    status: int,
    why: str,
) -> None:
    """saferun would refuse it; on Podman also what Podman reads otherwise."""
    file(tmp_path / "policy.toml", "schema = 1\n")
    cli = tmp_path / "docker"
    cli.write_text("#!/bin/sh\necho '      --frob   x'\n")
    cli.chmod(0o755)
    monkeypatch.setenv("SAFERUN_DOCKER", str(cli))
    assert run(monkeypatch, *words) == status
    assert why in capsys.readouterr().out


def test_a_body_that_makes_a_gate_writable_on_podman_is_not_called_clean(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Podman's service reads the modes of VolumesFrom as its command line does."""
    for value, status in (("other", 0), ("other:ro", 0), ("other:rw", 2), ("other:z", 2)):
        body = {**SAFE, "HostConfig": {"CapDrop": ["ALL"], "VolumesFrom": [value]}}
        path = file(tmp_path / "body.json", body)
        assert run(monkeypatch, "--api-body", path) == status, value
        told = "if the engine is Podman: with this --volumes-from" in capsys.readouterr().out
        assert told == (status == 2)


@pytest.mark.parametrize(
    ("words", "status"),
    [
        # Nothing that could not be seen makes a difference.
        (("--", "-u", "3267", "img"), 0),
        (("--", "docker", "run", "-u3267", "--", "img", "--privileged"), 0),
        (("--", "docker", "container", "run", "img"), 0),
        # Wrong, whoever the image's user is.
        (("--", "run", "-u", "3267", "--privileged", "img"), 1),
        (("--policy", "baseline", "--", "--privileged", "img"), 1),
        (("--policy", "baseline", "--", "--pid=host", "img"), 1),
        # Right for root and wrong for anybody else.
        (("--", "--privileged", "img"), 2),
        # A container, a volume and a network that nobody could look at.
        (("--policy", "baseline", "--", "-u1", "--pid=container:x", "img"), 2),
        (("--policy", "baseline", "--", "-u1", "-v", "data:/x", "img"), 2),
        (("--policy", "baseline", "--", "-u1", "--network=corp", "img"), 2),
        # A volume without a name is nobody's directory.
        (("--policy", "baseline", "--", "-u1", "-v", "/x", "--network=none", "img"), 0),
        # No docker run line.
        (("--", "--nonsense", "img"), 2),
        (("--", "-u", "3267"), 2),
        (("--", "--pull=perhaps", "img"), 2),
        (("--", "docker", "--debug", "run", "-u", "3267", "img"), 2),
        (("--",), 2),
        ((), 2),
        (("--policy", "nosuch-law", "--", "img"), 2),
    ],
)
def test_a_line_is_judged_as_far_as_it_can_be(
    monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], status: int
) -> None:
    """What is wrong in any case is a finding; what depends on the unseen has no answer."""
    assert run(monkeypatch, *words) == status


def test_no_docker_cli_is_needed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A pipeline may have neither; only Compose files have to be rendered by it."""
    monkeypatch.delenv("SAFERUN_DOCKER")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert run(monkeypatch, "--", "-u", "3267", "img") == 0
    assert run(monkeypatch, "--api-body", file(tmp_path / "body.json", BODY)) == 1
    assert run(monkeypatch, file(tmp_path / "c.yaml", "services: {}")) == 2
    assert run(monkeypatch, "--", "--nonsense", "img") == 2


def test_an_images_id_may_look_like_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an engine nobody can tell which of the two it is."""
    assert run(monkeypatch, "--", "-u", "3267", "cafe") == 2


def test_a_rule_for_an_images_content_cannot_be_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Whether it is that image depends on what has not been seen."""
    digest = "sha256:" + "0" * 64
    text = f'[[deny]]\nimage = "{digest}"\npid = ["*"]\nreason = "no"\n'
    (tmp_path / "law.toml").write_text(text)
    (tmp_path / "law.toml").chmod(0o644)
    words = ("--policy", f"{tmp_path}/law.toml", "--", "-u", "3267", "img")
    assert run(monkeypatch, *words) == 2


@pytest.mark.parametrize(
    ("body", "status", "told"),
    [
        (SAFE, 0, "clean"),
        # Nobody adds what a body lacks.
        (BODY, 1, 'fix: add HostConfig.CapDrop: ["ALL"]'),
        ({**SAFE, "User": "app"}, 0, "clean"),
        ({**SAFE, "HostConfig": {"Privileged": True}}, 1, "change HostConfig.Privileged"),
        ({**SAFE, "Zork": 1}, 2, "unknown: Zork is nothing that saferun knows"),
        ({**SAFE, "hostconfig": {}}, 2, "is read as 'HostConfig' by engines"),
        ({**SAFE, "HostConfig": {"Privileged": 1}}, 2, "expected true or false, not int"),
        ([SAFE, BODY], 1, "[1]: create body, uid 3267: not root: findings"),
        ({**ANSWER, "HostConfig": {}}, 0, "inspect answer"),
        # What was cut out of it may be anything.
        (ANSWER, 2, "HostConfig is not there"),
        ("{", 2, "unknown:"),
        ('{"Image": "a", "Image": "b"}', 2, "stands there twice"),
        # What `docker inspect` prints of something that is not there.
        ("[]", 2, "there is no container in it"),
        ("garbage", 2, "it is not JSON: line 1, column 1"),
    ],
)
def test_bodies_are_judged_as_they_are(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    body: object,
    status: int,
    told: str,
) -> None:
    """With the field to change, or why there is no answer."""
    assert run(monkeypatch, "--api-body", file(tmp_path / "body.json", body)) == status
    assert told in capsys.readouterr().out


def test_a_user_whose_uid_cannot_be_told_may_be_root(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A run is settled by the gate; a body has none."""
    law = tmp_path / "law.toml"
    law.write_text('[root.limits]\npid = ["private"]\n')
    law.chmod(0o644)
    host = {"CapDrop": ["ALL"], "PidMode": "host"}
    body = file(tmp_path / "body.json", {"Image": "img", "User": "app", "HostConfig": host})
    assert run(monkeypatch, "--policy", str(law), "--api-body", body) == 2
    assert "perhaps: pid" in capsys.readouterr().out


def test_a_body_is_read_from_stdin(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As `docker inspect … | saferunctl check --api-body -`."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(json.dumps(SAFE).encode())))
    assert run(monkeypatch, "--api-body", "-") == 0
    assert "stdin: create body" in capsys.readouterr().out


MODEL: dict[str, Any] = {
    "name": "shop",
    "services": {
        "web": {"image": "img", "user": "3267", "cap_drop": ["ALL"]},
        "db": {"image": "img", "user": "3267", "cap_add": ["NET_RAW"]},
    },
    "networks": {"default": {"name": "shop_default"}},
}


def test_a_model_that_says_something_twice_is_not_judged(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The last one counts for some readers, and is an error for Compose."""
    service = json.dumps(MODEL["services"]["web"])
    twice = f'{{"services": {{"a": {{"privileged": true}}}}, "services": {{"a": {service}}}}}'
    assert run(monkeypatch, file(tmp_path / "model.json", twice)) == 2
    assert "'services' stands there twice" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (("-H", "unix:///nowhere", "run", "-u1"), 0, "docker engine at unix:///nowhere: "),
        (("--host=unix:///nowhere", "container", "run", "-u1"), 0, "engine at unix:///nowhere: "),
        (("-H", "unix:///nowhere", "run", "-u1", "--privileged"), 1, "--privileged is not allowed"),
        (("-D", "run", "-u1"), 2, "option --debug cannot be handed on; leave it out"),
        (("--zork", "run", "-u1"), 2, "cannot tell what this docker command line runs"),
    ],
)
def test_global_options_of_docker_select_the_engine(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    status: int,
    told: str,
) -> None:
    """As in the shell's function; what that refuses is not judged."""
    assert run(monkeypatch, "--", "docker", *words, "img") == status
    assert told in capsys.readouterr().out


@pytest.mark.parametrize("words", [("-D", "ps"), ("compose", "run", "web"), ("create", "img"), ()])
def test_another_command_of_docker_is_not_taken_for_the_image(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    """There is one called docker, which is named so behind `run`."""
    assert run(monkeypatch, "--", "docker", *words) == 2
    assert "neither docker run nor docker container run" in capsys.readouterr().out
    assert run(monkeypatch, "--", "run", "-u1", "docker", *words) == 0


def test_what_compose_complains_of_is_said_on_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Whatever it printed, with its own words."""
    docker = tmp_path / "docker"
    docker.write_text('#!/bin/sh\ncase "$*" in *config*) printf "a\\nb\\n" >&2; exit 15; esac\n')
    docker.chmod(0o755)
    monkeypatch.setenv("SAFERUN_DOCKER", str(docker))
    assert run(monkeypatch, file(tmp_path / "compose.yaml", "services: [")) == 2
    assert "unknown: a; b\n" in capsys.readouterr().out


def test_the_services_of_a_model_are_judged(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Each by itself, with the key to change; several files at once, with a summary."""
    first, second = (file(tmp_path / f"{name}.json", MODEL) for name in ("a", "b"))
    assert run(monkeypatch, first, second) == 1
    told = capsys.readouterr().out
    assert "b.json:web: service, uid 3267: not root: clean" in told
    assert "fix: change services.db.cap_add" in told
    assert 'fix: add services.db.cap_drop: ["ALL"]' in told
    assert told.splitlines()[-1].split() == [second + ":db", "service", "findings", "2"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("services: {}", "there is no compose plugin"),
        ({"services": {}}, "no services"),
        ({"Image": "x"}, "give create bodies with --api-body"),
        ({"services": {"a": {"zork": 1, "cap_drop": ["ALL"], "user": "1"}}}, "services.a.zork"),
        ({"services": {"a": {"ports": ["80:80"]}}}, "docker compose config --format json"),
    ],
)
def test_what_is_no_model_has_no_answer(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    content: object,
    told: str,
) -> None:
    """A key that nobody knows makes its service one that cannot be told."""
    assert run(monkeypatch, file(tmp_path / "c.yaml", content)) == 2
    assert told in capsys.readouterr().out


def test_a_file_that_cannot_be_read_has_no_answer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And the others still have theirs: a finding stands, whatever else could not be told."""
    assert run(monkeypatch, "gone.yaml", "--", "-u", "3267", "img") == 2
    assert run(monkeypatch, "gone.yaml", "--", "-u", "3267", "--privileged", "img") == 1
    told = capsys.readouterr().out
    assert "cannot read it: no such file or directory" in told
    assert "privileged: --privileged is not allowed" in told


def test_the_shape_for_programs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """One shape with what `saferun --explain=json` prints, versioned, with the verdict on top."""
    body = file(tmp_path / "body.json", [BODY, {"Image": 1}])
    assert run(monkeypatch, "--json", "--api-body", body) == 1
    document = json.loads(capsys.readouterr().out)
    assert (document["schema"], document["verdict"]) == (1, "findings")
    first, second = document["checked"]
    assert (first["decision"], first["verdict"]) == ("allowed", "findings")
    assert first["findings"] == [
        {
            "check": "cap-drop",
            "reason": "a non-root user keeps no capability it did not ask for",
            "detail": "",
            "flag": "cap-drop",
            "where": "HostConfig.CapDrop",
            "fix": 'add HostConfig.CapDrop: ["ALL"]',
            "origins": [{"source": "built-in", "line": 0, "key": "nonroot.require.cap-drop"}],
        }
    ]
    assert first["user"] == {"asked": "3267", "uid": 3267, "root": False}
    assert (second["decision"], second["unknown"]) == (None, ["Image: expected text, not int"])
