"""From files to layers: what a law starts from, and what stops everything."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from saferun import laws
from saferun.errors import PolicyError
from saferun.judge.policy import Law

if TYPE_CHECKING:
    from pathlib import Path

    from saferun.judge.policy import Layer, Value


def read(path: Path, text: str, **others: str) -> tuple[Layer, ...]:
    """Read a law from a directory in which there are others as well."""
    for name, content in others.items():
        file = path / f"{name}.toml"
        file.write_text(content)
        file.chmod(0o644)
    return laws.of_files([("explicit", str(path / "law.toml"), text.encode())])


def values(layers: tuple[Layer, ...], key: str, whom: str = "root") -> list[Value]:
    """Return what the limits on a key say."""
    limit = Law(layers, whom).limit(key)
    return [one.value for bound in limit.bounds for one in bound.base] if limit else []


def problem(path: Path, text: str, **others: str) -> str:
    """Return what is said of a law that stops everything."""
    with pytest.raises(PolicyError) as caught:
        read(path, text, **others)
    return str(caught.value)


BASE = """\
[defaults]
memory = "1g"
[limits]
memory = "2g"
pid = ["private"]
[nonroot.limits]
cap-add = ["CHOWN"]
[require]
read-only = true
[[deny]]
pid = ["host"]
reason = "never"
"""


def test_what_a_file_says_takes_the_place_of_what_it_starts_from(tmp_path: Path) -> None:
    """In the same table; requirements and rules add up."""
    text = 'extends = ["./base.toml"]\n[limits]\nmemory = "4g"\npid = ["private", "host"]\n'
    layers = read(tmp_path, text, base=BASE)
    assert values(layers, "memory") == ["4g"]
    assert values(layers, "pid") == [("private", "host")]
    assert values(layers, "cap-add", "nonroot") == [("CHOWN",)]
    assert Law(layers, "root").required("read-only")
    (rule,) = layers[1].rules
    assert rule.effect == "deny"
    assert [one.value for one in Law(layers, "root").defaults()] == ["1g"]


def test_a_requirement_takes_no_place_of_another(tmp_path: Path) -> None:
    """Whoever starts from a law and requires something else of the same key requires both."""
    strict = '[require]\nsecurity-opt = ["no-new-privileges"]\n'
    text = 'extends = ["./strict.toml"]\n[require]\nsecurity-opt = ["seccomp"]\n'
    required = Law(read(tmp_path, text, strict=strict), "root").required("security-opt")
    assert {one.value for one in required} == {("seccomp",), ("no-new-privileges",)}


def test_another_table_takes_no_place(tmp_path: Path) -> None:
    """A general limit beside an inherited one for non-root: both hold."""
    text = 'extends = ["./base.toml"]\n[limits]\ncap-add = ["KILL"]\n'
    assert len(values(read(tmp_path, text, base=BASE), "cap-add", "nonroot")) == 2


def test_of_several_laws_limits_hold_together_and_the_last_default_counts(tmp_path: Path) -> None:
    """Their order is the author's."""
    other = '[defaults]\nmemory = "3g"\n[limits]\nmemory = "8g"\n'
    layers = read(tmp_path, 'extends = ["./base.toml", "./other.toml"]', base=BASE, other=other)
    assert set(values(layers, "memory")) == {"2g", "8g"}
    assert [one.value for one in Law(layers, "root").defaults()] == ["3g"]


def test_shipped_laws_go_by_their_names(tmp_path: Path) -> None:
    """And a file of such a name is a path; the origin says which it was."""
    layers = read(tmp_path, 'extends = ["restricted"]')
    sources = {one.origin.source for one in layers[1].statements}
    assert sources == {"restricted", "baseline"}
    mine = read(tmp_path, 'extends = ["./restricted.toml"]', restricted="[limits]\nmemory = '1g'")
    assert values(mine, "memory") == ["1g"]
    assert mine[1].statements[0].origin.source.endswith("/restricted.toml")


@pytest.mark.parametrize(
    ("text", "others", "said"),
    [
        ('extends = ["resticted"]', {}, ':1:12: no law is called "resticted"; did you mean "rest'),
        ('extends = ["nothing-like-it"]', {}, "there are agent, baseline"),
        ('\nextends = ["./gone.toml"]', {}, "law.toml:2:12: cannot read policy"),
        ('extends = ["./law.toml"]', {"law": ""}, "starts from itself"),
        ('extends = ["./a.toml"]', {"a": 'extends = ["./a.toml"]'}, "a.toml:1:12: this law starts"),
        (
            'extends = ["./a.toml"]',
            {"a": 'extends = ["./b.toml"]', "b": 'extends = ["./a.toml"]'},
            "starts from itself",
        ),
        ('extends = ["./a.toml"]', {"a": "[limits]\nmemroy = 1"}, "a.toml:2:1: unknown key"),
        ("extends = 'baseline'", {}, '"extends" must be a list of laws'),
        ("extends = [1]", {}, "list of names of laws"),
        (f"extends = {['baseline'] * 17}", {}, "more than 16 laws"),
        ("[limits]\nmemory = 1\n[limit]", {}, "unknown table [limit]"),
    ],
)
def test_what_stops_everything(
    tmp_path: Path, text: str, others: dict[str, str], said: str
) -> None:
    """With the place in the file that asked for it."""
    assert said in problem(tmp_path, text, **others)


def test_a_chain_that_is_too_long(tmp_path: Path) -> None:
    """It ends, and says so."""
    chain = {f"a{number}": f'extends = ["./a{number + 1}.toml"]' for number in range(20)}
    assert "start from one another" in problem(tmp_path, 'extends = ["./a0.toml"]', **chain)


def test_what_others_may_write_is_nothing_to_start_from(tmp_path: Path) -> None:
    """However trusted the file is that asks for it."""
    (tmp_path / "base.toml").write_text(BASE)
    (tmp_path / "base.toml").chmod(0o666)
    assert "can be written by others" in problem(tmp_path, 'extends = ["./base.toml"]')


def test_a_system_file_starts_from_what_root_alone_can_write(tmp_path: Path) -> None:
    """The walk to it counts as well: a directory that others may write to is no place for a law."""
    open_to_all = tmp_path / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    base = open_to_all / "base.toml"
    base.write_text(BASE)
    base.chmod(0o644)
    file = ("system", str(tmp_path / "law.toml"), f'extends = ["{base}"]'.encode())
    with pytest.raises(PolicyError, match="can be written by others"):
        laws.of_files([file])


def test_two_files_of_the_system_that_disagree_on_a_default(tmp_path: Path) -> None:
    """Which of them is read first must not decide anything."""
    files = [
        ("system", f"{tmp_path}/{name}", f"[defaults]\nmemory = '{size}'".encode())
        for name, size in (("a", "1g"), ("b", "2g"))
    ]
    with pytest.raises(PolicyError, match="neither is before the other"):
        laws.of_files(files)


def test_files_of_the_system_are_one_layer_and_named_ones_are_many() -> None:
    """By who answers for them."""
    files = [
        (name, f"/{number}", b"") for number, name in enumerate(["system"] * 2 + ["explicit"] * 2)
    ]
    assert [layer.name for layer in laws.of_files(files)] == [
        *("built-in", "system", "explicit", "explicit")
    ]


def test_a_layer_keeps_the_bytes_of_every_file_that_it_was_read_from(tmp_path: Path) -> None:
    """In their order, those that a file starts from after it: what a receipt's digest is over."""
    base, top = tmp_path / "base.toml", tmp_path / "top.toml"
    base.write_text("[limits]\nprivileged = false\n")
    base.chmod(0o644)
    top.write_text('extends = ["./base.toml"]\n[limits]\nmemory = "1g"\n')
    files = [("explicit", str(top), top.read_bytes()), ("explicit", "/more", b"# nothing\n")]
    sources = [layer.sources for layer in laws.of_files(files)]
    assert sources == [
        (),
        ((str(top), top.read_bytes()), (f"{tmp_path}/base.toml", base.read_bytes())),
        (("/more", b"# nothing\n"),),
    ]
