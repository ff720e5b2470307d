"""`saferunctl policy`: what it prints, and what it ends with."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

import pytest

from saferun import ctl

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No policy of the person's own."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("SAFERUN_POLICY", raising=False)


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    """Run a command as the program does; return its exit status."""
    monkeypatch.setattr(sys, "argv", ["saferunctl", "policy", *words])
    with pytest.raises(SystemExit) as ended:
        ctl.main()
    return int(ended.value.code or 0)


def law(path: Path, text: str) -> str:
    """Write a policy file that nobody else may write; return its path."""
    path.write_text(text)
    path.chmod(0o644)
    return str(path)


def test_show_names_the_origin_of_every_value(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """What holds, and not what something else has taken the place of."""
    path = law(
        tmp_path / "a.toml",
        '[nonroot.limits]\ncap-add = ["CHOWN"]\n[[allow]]\nusers = ["5"]\n'
        'cap-add = ["KILL"]\nreason = "he may"\nexpires = 2020-01-01\n',
    )
    assert run(monkeypatch, "show", "--policy", path, "--nonroot") == 0
    told = capsys.readouterr().out
    assert f"{path}:2" in told
    assert 'nonroot.limits.cap-add = ["CHOWN"]' in told
    assert "nonroot.limits.cap-add = []" not in told
    assert "built-in" in told
    assert '[[allow]] for users 5: cap-add = ["KILL"], until 2020-01-01 (expired) (he may)' in told


def test_show_for_programs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a version, for root and for non-root."""
    assert run(monkeypatch, "show", "--policy", "restricted", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["schema"] == 1
    found = {(one["table"], one["key"]): one for one in told["nonroot"]}
    assert found["limits", "user"]["value"] == ["1-"]
    assert found["limits", "user"]["source"] == "restricted"
    assert found["limits", "pid"]["source"] == "baseline"
    assert told["rules"][0]["effect"] == "deny"


@pytest.mark.parametrize(
    ("text", "status", "said"),
    [
        ("[limits]\nmemory = '1g'", 0, "1 policy is valid"),
        ("", 0, "1 policy is valid"),
        ("[limits]\nmemroy = '1g'\npid = 'host'", 1, 'did you mean "memory"?'),
        ("extends = ['resticted']", 1, 'did you mean "restricted"?'),
        ("extends = ['./gone.toml']", 1, "gone.toml"),
        ("[[allow]]\nnetwork = ['a']\nreason = 'x'", 0, "changes nothing"),
        (
            "limits.network = []\n[[allow]]\nnetwork = ['a']\nreason = 'x'\nexpires = 2020-01-01",
            0,
            "expired on 2020-01-01",
        ),
        ("[[deny]]\nusers = ['no-such-user']\npid = ['host']\nreason = 'x'", 0, "no user"),
    ],
)
def test_check(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    text: str,
    status: int,
    said: str,
) -> None:
    """Mistakes are 1, warnings alone are not."""
    assert run(monkeypatch, "check", law(tmp_path / "a.toml", text)) == status
    assert said in capsys.readouterr().out


def test_check_of_a_file_that_is_not_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Nothing could be told, which is worse than a mistake."""
    assert run(monkeypatch, "check", str(tmp_path / "gone.toml"), "baseline") == 2
    assert "no such file" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("ours", "theirs", "lines"),
    [
        ("[limits]\nmemory='1g'", "[limits]\nmemory='2g'", ["memory: at most 2g instead of 1g"]),
        ("", "[limits]\npids-limit=5", ["pids-limit: at most 5 instead of any"]),
        ("", "[limits]\noom-score-adj=0", ["oom-score-adj: at least 0 instead of any"]),
        ("", "[limits]\ndevice=[]", ["refuses every device"]),
        ("[limits]\ndevice=[]", "", ["allows every device, instead of none"]),
        ("", "[limits]\npid=['private']", ["refuses every pid but private"]),
        ("[limits]\npid=['private']", "", ["allows every pid, instead of private"]),
        (
            "[limits]\nvolume=['/a']",
            "[limits]\nvolume=['/b']",
            ["allows volume /b", "refuses volume /a"],
        ),
        ("", "[root.limits]\nprivileged=false", ["root: refuses --privileged"]),
        ("", "[nonroot.limits]\nprivileged=true", ["non-root: allows --privileged"]),
        ("", "[require]\nread-only=true", ["requires read-only = true"]),
        ("", "[defaults]\ninit=true", ["default init: true instead of none"]),
        ("", "[limits]\nforbid=['link']", ["forbids link"]),
        (
            "[[deny]]\npid=['host']\nreason='x'",
            "",
            ['no longer has [[deny]] for everybody: pid = ["host"] (x)'],
        ),
        ("[limits]\ncpus=1.5", "[limits]\ncpus=1.5", []),
    ],
)
def test_diff(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    ours: str,
    theirs: str,
    lines: list[str],
) -> None:
    """In words, from the first law's point of view."""
    paths = law(tmp_path / "a.toml", ours), law(tmp_path / "b.toml", theirs)
    assert run(monkeypatch, "diff", *paths) == (1 if lines else 0)
    assert set(lines) <= set(capsys.readouterr().out.splitlines())


def test_init_writes_a_valid_file_and_never_over_another(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """It starts from the law that was named, and everything else in it is a comment."""
    path = tmp_path / "new" / "policy.toml"
    assert run(monkeypatch, "init", "hardened", str(path)) == 0
    assert path.stat().st_mode & 0o777 == 0o644
    assert run(monkeypatch, "check", str(path)) == 0
    assert run(monkeypatch, "diff", "hardened", str(path)) == 0
    assert run(monkeypatch, "init", "ci", str(path)) == 2
    assert "nothing is ever overwritten" in capsys.readouterr().err
    assert 'extends = ["hardened"]' in path.read_text()
    assert run(monkeypatch, "init", "nonsense") == 2
    assert os.listdir(tmp_path / "new") == ["policy.toml"]


def test_init_says_why_a_file_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where the directory is the trouble."""
    (tmp_path / "file").touch()
    for name in ("file/x/policy.toml", "file/policy.toml", "\0"):
        assert run(monkeypatch, "init", "hardened", f"{tmp_path}/{name}") == 2
        assert "cannot write " in capsys.readouterr().err


def test_a_name_of_no_law_and_no_file_comes_with_the_names_of_the_laws(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A typing error is not left to be guessed at."""
    monkeypatch.chdir(tmp_path)
    assert run(monkeypatch, "diff", "hardened", "restrictd") == 2
    assert "hardened, restricted" in capsys.readouterr().err
    assert run(monkeypatch, "diff", "hardened", "./restrictd") == 2
    assert "hardened, restricted" not in capsys.readouterr().err
