"""The house rules: who may import whom, what the timed path may load, and how modules look."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "saferun"
#: Modules by dotted name.
FILES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in FILES.items()}

#: What each layer may import of ours; a type-only import counts like any other.
ALLOWED = {
    "saferun.judge": ("saferun.judge",),
    "saferun.formats": ("saferun.judge", "saferun.formats", "saferun.errors"),
    "saferun.host": ("saferun.host", "saferun.errors"),
    "saferun.gate": (),
    "saferun.errors": (),
}
#: Meaning and judgement touch nothing: no files, processes, sockets, clocks, voices.
IMPURE = {
    *("os", "subprocess", "socket", "_socket", "pathlib", "docker", "click", "logging", "time"),
    *(
        "io",
        "shutil",
        "tempfile",
        "signal",
        "_signal",
        "threading",
        "asyncio",
        "random",
        "requests",
    ),
}
#: What costs too much to load before `docker run` starts.
SLOW = {
    *("re", "enum", "typing", "dataclasses", "json", "socket", "subprocess", "pathlib", "shlex"),
    *("urllib", "hashlib", "signal", "logging", "functools", "collections", "contextlib"),
    *("argparse", "click", "docker", "tomli", "requests", "inspect", "tempfile", "threading"),
}
#: Subjects, not drawers.
VAGUE = {"utils", "util", "helpers", "common", "manager", "core", "base", "misc"}
MOST_LINES = 400
#: Long because they are lists.
TABLES = {"saferun.formats.docker_run.flags", "saferun.judge.keys"}


def imported(tree: ast.AST) -> set[str]:
    """Return everything that a module imports, anywhere in it, by dotted name."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "absolute imports only"
            module = node.module or ""
            # `from package import module` is an arrow to the module.
            names |= {
                f"{module}.{alias.name}" if f"{module}.{alias.name}" in FILES else module
                for alias in node.names
            }
    return names


IMPORTS = {name: imported(tree) for name, tree in TREES.items()}


def within(name: str, package: str) -> bool:
    """Tell whether a module is a package or in it."""
    return name == package or name.startswith(f"{package}.")


def first_line(name: str) -> str:
    """Return the first line of a module's docstring."""
    return (ast.get_docstring(TREES[name]) or "").partition("\n")[0]


def doors() -> set[str]:
    """Return the modules that say of themselves that they are doors."""
    return {name for name in FILES if first_line(name).startswith("Door:")}


@pytest.mark.parametrize("layer", ALLOWED)
def test_layers_import_only_what_they_may(layer: str) -> None:
    """The judge knows nobody; formats know the judge; the host knows nobody but errors."""
    wrong = [
        f"{name} imports {other}"
        for name, others in IMPORTS.items()
        if within(name, layer)
        for other in sorted(others)
        if within(other, "saferun") and not any(within(other, one) for one in ALLOWED[layer])
    ]
    assert not wrong


#: What imports modules of the judge by their names in a table, when they are first needed.
LAZY = {"saferun.judge.checks", "saferun.formats.policy_values"}


@pytest.mark.parametrize("layer", ["saferun.judge", "saferun.formats"])
def test_meaning_and_judgement_are_pure(layer: str) -> None:
    """They cannot reach the world, not even inside a function."""
    wrong = [
        f"{name} imports {other}"
        for name, others in IMPORTS.items()
        if within(name, layer)
        for other in sorted(others)
        if other.partition(".")[0] in IMPURE
    ]
    assert not wrong


@pytest.mark.parametrize("layer", ["saferun.judge", "saferun.formats"])
def test_meaning_and_judgement_do_not_print_or_open(layer: str) -> None:
    """What needs no import is forbidden as well."""
    wrong = [
        f"{name}:{node.lineno}"
        for name, tree in TREES.items()
        if within(name, layer)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in {"print", "open", "input", "exec", "eval", "__import__", "exit"}
        and not (node.func.id == "__import__" and name in LAZY)
    ]
    assert not wrong


def test_no_door_imports_another() -> None:
    """What two doors share belongs to neither."""
    assert "saferun.run" in doors()
    wrong = [
        f"{door} imports {other}"
        for door in sorted(doors())
        for other in sorted(IMPORTS[door] & (doors() - {door}))
    ]
    assert not wrong


def test_nothing_below_imports_the_command_lines() -> None:
    """The cli speaks; nobody speaks to the cli."""
    wrong = [
        f"{name} imports {other}"
        for name, others in IMPORTS.items()
        if name not in {"saferun.__main__", "saferun.docker_plugin"}
        if not within(name, "saferun.ctl")
        for other in sorted(others)
        if other in {"saferun.cli", "saferun.__main__"} or within(other, "saferun.ctl")
    ]
    assert not wrong


def test_only_the_command_lines_print_or_exit() -> None:
    """Everything else returns."""
    wrong = [
        f"{name}:{node.lineno}"
        for name, tree in TREES.items()
        if name not in {"saferun.cli", "saferun.ctl", "saferun.__main__"}
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in {"print", "sys.exit", "exit", "os._exit", "os.write"}
        and not within(name, "saferun.host")
    ]
    assert not wrong


def isolated(script: str, *flags: str) -> subprocess.CompletedProcess[str]:
    """Run a script with this checkout importable, and nothing loaded by `site`."""
    start = f"import sys; sys.path.insert(0, {str(ROOT)!r}); {script}"
    return subprocess.run(
        [sys.executable, "-S", "-E", "-I", "-B", *flags, "-c", start],
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_timed_path_loads_nothing_slow() -> None:
    """Every millisecond before `docker run` starts is saferun's."""
    modules = "saferun.docker_plugin, saferun.formats.docker_run.global_options"
    script = f"import saferun.cli, saferun.run, saferun.world, {modules}"
    done = isolated(script, "-X", "importtime")
    assert done.returncode == 0, done.stderr
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "saferun.run" in loaded
    slow = {name for name in loaded if name.partition(".")[0] in SLOW}
    # `collections.abc` is an alias of `_collections_abc`, which every Python has loaded anyway.
    assert not slow - {"collections.abc"}


@pytest.mark.parametrize("name", [name for name in FILES if name != "saferun.__main__"])
def test_importing_a_module_does_nothing(name: str, tmp_path: Path) -> None:
    """No output, no file, no thread, no handler; only names appear."""
    script = (
        f"sys.path[1:1] = {[entry for entry in sys.path if entry]!r}; "
        "import os, signal, threading; "
        f"os.chdir({str(tmp_path)!r}); before = (dict(os.environ), signal.getsignal(2)); "
        f"import {name}; "
        "assert before == (dict(os.environ), signal.getsignal(2)); "
        "assert threading.active_count() == 1"
    )
    done = isolated(script)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", FILES)
def test_modules_say_what_they_are(name: str) -> None:
    """A docstring whose first line is a caption, and a length that can be read at one go."""
    assert first_line(name).endswith("."), first_line(name)
    lines = len(FILES[name].read_text(encoding="utf-8").splitlines())
    assert lines <= MOST_LINES or name in TABLES
    assert not VAGUE & set(name.split("."))
