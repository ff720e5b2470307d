"""How the gates are built, and what the build does not let pass."""

from __future__ import annotations

import os
import platform
import shutil
import struct
from itertools import product
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from subprocess import CompletedProcess
    from types import ModuleType

    Run = Callable[..., CompletedProcess[bytes]]

NOTHING = "0" * 16
EVERYTHING = "f" * 16

OWN = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]


def test_gates_are_small_static_programs(gates: dict[str, Path], hatch_build: ModuleType) -> None:
    """Each gate is an executable of a few KB for its architecture that needs nothing else."""
    assert OWN in gates
    for architecture in hatch_build.ARCHITECTURES:
        if architecture.name in gates:
            program = gates[architecture.name].read_bytes()
            assert hatch_build.fault(program, architecture) == ""
            assert len(program) < 8192
            assert gates[architecture.name].stat().st_mode & 0o777 == 0o755


def test_the_source_compiles_without_a_warning(
    source: Path, tmp_path: Path, hatch_build: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Warnings, which do not stop an installation, stop here."""
    monkeypatch.setattr(hatch_build, "FLAGS", (*hatch_build.FLAGS, "-Werror"))
    assert OWN in hatch_build.build_gates(source, tmp_path)


def test_the_same_source_gives_the_same_bytes_anywhere(
    gates: dict[str, Path], source: Path, tmp_path: Path, hatch_build: ModuleType
) -> None:
    """Neither the place of the source nor that of the gate is in the gate."""
    elsewhere = tmp_path / "a much longer path" / "to" / "gate.c"
    elsewhere.parent.mkdir(parents=True)
    shutil.copy(source, elsewhere)
    again = hatch_build.build_gates(elsewhere, tmp_path)
    assert {name: path.read_bytes() for name, path in again.items()} == {
        name: path.read_bytes() for name, path in gates.items()
    }
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        ["a much longer path", *(f"gate-{name}" for name in gates)]
    )


def test_what_would_not_run_anywhere_is_not_shipped(gate: Path, hatch_build: ModuleType) -> None:
    """A file for another machine, that needs a loader, or with writable code is a fault."""
    good = gate.read_bytes()
    (architecture,) = (each for each in hatch_build.ARCHITECTURES if each.name == OWN)
    table = struct.unpack_from("<Q", good, 32)[0]

    def with_word(form: str, offset: int, value: int) -> bytes:
        changed = bytearray(good)
        struct.pack_into(form, changed, offset, value)
        return bytes(changed)

    faults = {
        "no 64-bit little-endian ELF file": b"MZ" + good,
        "a file for machine 8 instead of": with_word("<H", 18, 8),
        "a file that is not static": with_word("<H", 16, 3),
        # the first segment as one that names an interpreter, then as one to be linked at run time
        "not static": with_word("<I", table, 3),
        "static": with_word("<I", table, 2),
        "writable code": with_word("<I", table + 4, 7),
    }
    for expected, program in faults.items():
        assert expected in hatch_build.fault(program, architecture)


def test_without_a_compiler_the_build_says_what_to_install(
    source: Path, tmp_path: Path, hatch_build: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A missing compiler is the likeliest failure of an installation."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    with pytest.raises(hatch_build.BuildError, match="needs a C compiler: apt-get install gcc"):
        hatch_build.build_gates(source, tmp_path)
    monkeypatch.setattr(platform, "machine", lambda: "mips64")
    with pytest.raises(hatch_build.BuildError, match="nothing here compiles for any of them"):
        hatch_build.build_gates(source, tmp_path)


def test_a_failing_compiler_is_quoted(
    source: Path, tmp_path: Path, hatch_build: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the compiler of this machine says is what whoever installs has to see."""
    broken = tmp_path / "gate.c"
    broken.write_text(source.read_text() + "\n#error out of order\n")
    with pytest.raises(hatch_build.BuildError, match="out of order"):
        hatch_build.build_gates(broken, tmp_path)
    monkeypatch.setenv("CC", "no-such-compiler -O1")
    with pytest.raises(hatch_build.BuildError, match="no no-such-compiler found"):
        hatch_build.build_gates(source, tmp_path)


def test_a_failing_cross_compiler_costs_only_its_own_gate(
    source: Path, tmp_path: Path, hatch_build: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another architecture's gate is left out, with a warning, where it cannot be built."""
    other = {"amd64": "aarch64", "arm64": "x86_64"}[OWN]
    compiler = tmp_path / f"{other}-linux-gnu-gcc"
    compiler.write_text("#!/bin/sh\necho 'broken for a test' >&2\nexit 1\n")
    compiler.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with pytest.warns(UserWarning, match="broken for a test"):
        gates = hatch_build.build_gates(source, tmp_path)
    assert OWN in gates
    assert {"aarch64": "arm64", "x86_64": "amd64"}[other] not in gates


def test_the_digest_is_over_names_and_contents(tmp_path: Path, hatch_build: ModuleType) -> None:
    """Another byte, another name or another gate gives another digest."""

    def digest(**programs: bytes) -> str:
        gates = {}
        for name, program in programs.items():
            gates[name] = tmp_path / f"gate-{name}"
            gates[name].write_bytes(program)
        module: dict[str, object] = {}
        exec(hatch_build.describe(gates), module)
        assert module["ARCHITECTURES"] == tuple(programs)
        return str(module["DIGEST"])

    digests = [
        digest(amd64=b"1"),
        digest(amd64=b"2"),
        digest(arm64=b"1"),
        digest(amd64=b"1", arm64=b""),
        digest(amd64=b"", arm64=b"1"),
    ]
    assert len(set(digests)) == len(digests)
    assert all(len(each) == 64 for each in digests)
    assert digest(amd64=b"1") == digests[0]


def test_gates_of_other_architectures(gates: dict[str, Path], launch: Run) -> None:
    """A gate for another machine judges, finds and refuses as this machine's own does."""
    machines = {"amd64": "x86_64", "arm64": "aarch64", "riscv64": "riscv64"}
    emulators = {
        name: shutil.which(f"qemu-{machines[name]}")
        or shutil.which(f"qemu-{machines[name]}-static")
        for name in gates.keys() - {OWN}
    }
    if not any(emulators.values()):
        pytest.skip("needs another machine: apt-get install gcc-aarch64-linux-gnu qemu-user")
    shapes = (
        {"uids": [0, 0, 0], "bounding": 0x2401},
        {"uids": [3267, 3267, 3267], "bounding": 0x2401},
        {"uids": [3267, 3267, 3267], "bounding": 0, "no_new_privs": True},
    )
    arguments = (
        (EVERYTHING, NOTHING, "-", "--", "/bin/echo", "started"),
        (EVERYTHING, NOTHING, "nnp", "--", "/bin/echo", "started"),
        (NOTHING, NOTHING, "-", "--", "/bin/echo", "started"),
        (EVERYTHING, EVERYTHING, "-", "--", "sh", "-c", 'echo "$0" "$@"', "", "a b"),
        (EVERYTHING, EVERYTHING, "-", "--", "nosuch"),
        (EVERYTHING, EVERYTHING, "-", "--", "/"),
        (EVERYTHING, EVERYTHING, "-", "--", "/etc/passwd"),
        (EVERYTHING, EVERYTHING, "-", "--", "/etc/passwd/x"),
        (EVERYTHING, EVERYTHING, "-", "--"),
    )
    env = {"PATH": "/none:/usr/../bin//:/usr/bin"}
    for name, emulator in emulators.items():
        for shape, words in product(shapes, arguments if emulator else ()):
            own = launch(gates[OWN], *words, shape=shape, env=env)
            other = launch(emulator, gates[name], *words, shape=shape, env=env)
            assert (other.returncode, other.stdout, other.stderr) == (
                own.returncode,
                own.stdout,
                own.stderr,
            ), (name, words)
