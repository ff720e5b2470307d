"""Build the gates into the package: saferun/gate/gate.c, once for each architecture.

Hatchling loads this file for every build of the project. `python3 hatch_build.py` does the same in
place, and tests import `build_gates`; neither of them needs hatchling.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shlex
import shutil
import struct
import subprocess
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FLAGS = (
    *("-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion"),
    # no library, and nothing from the compiler that would need one
    *("-nostdlib", "-ffreestanding", "-fno-builtin", "-fno-stack-protector"),
    # at a fixed address, so that nothing has to be relocated or interpreted
    *("-static", "-fno-pie"),
    # small
    *("-Os", "-fomit-frame-pointer", "-fno-unwind-tables", "-fno-asynchronous-unwind-tables"),
    *("-ffunction-sections", "-fdata-sections", "-Wl,--gc-sections", "-Wl,-z,noseparate-code"),
    # the same bytes wherever it is built, without names, notes and an executable stack
    *("-s", "-fno-ident", "-Wl,--build-id=none", "-Wl,-z,norelro", "-Wl,-z,noexecstack"),
)


class Architecture:
    """An architecture that gate.c is written for, under the names that others give it.

    `name` is Go's, which images carry; `machine` is uname's; `elf` is the number in ELF headers.
    """

    def __init__(self, name: str, machine: str, elf: int, *flags: str) -> None:
        """Take the names, and the flags that only this architecture's compilers understand."""
        self.name = name
        self.machine = machine
        self.elf = elf
        self.flags = flags


ARCHITECTURES = (
    # The program is nobody's target for indirect jumps; without this, each function marks itself.
    Architecture("amd64", "x86_64", 62, "-fcf-protection=none"),
    Architecture("arm64", "aarch64", 183),
    # The linker must not address by way of gp, which only a C library's start-up sets.
    Architecture("riscv64", "riscv64", 243, "-Wl,--no-relax"),
)


class BuildError(Exception):
    """A gate that must be there could not be built; `str(error)` says what to do."""


def build_gates(source: Path, out: Path) -> dict[str, Path]:
    """Compile gate.c into `out/gate-ARCH` for each architecture that there is a compiler for.

    Returns the paths by Go's name of the architecture, always in the same order. This machine's
    own architecture must succeed; one whose cross compiler fails is left out with a warning.
    """
    gates = {}
    for architecture in ARCHITECTURES:
        native = architecture.machine == platform.machine()
        command = _native_compiler() if native else _cross_compiler(architecture.machine)
        if not command:
            continue
        try:
            gates[architecture.name] = _build(command, architecture, source, out)
        except BuildError as error:
            if native:
                raise
            warnings.warn(str(error), stacklevel=2)
    if not gates:
        names = ", ".join(architecture.name for architecture in ARCHITECTURES)
        raise BuildError(
            f"saferun's gate runs on {names}, and nothing here compiles for any of them: "
            "apt-get install gcc-x86-64-linux-gnu gcc-aarch64-linux-gnu"
        )
    return gates


def _native_compiler() -> list[str]:
    command = shlex.split(os.environ.get("CC") or "cc")
    if not shutil.which(command[0]):
        raise BuildError(
            f"saferun's gate needs a C compiler: apt-get install gcc (no {command[0]} found)"
        )
    return command


def _cross_compiler(machine: str) -> list[str]:
    triplet = f"{machine}-linux-gnu"
    if shutil.which(f"{triplet}-gcc"):
        return [f"{triplet}-gcc"]
    if shutil.which("clang") and shutil.which("ld.lld"):
        return ["clang", f"--target={triplet}", "-fuse-ld=lld"]
    return []


def _build(command: list[str], architecture: Architecture, source: Path, out: Path) -> Path:
    gate = out.resolve() / f"gate-{architecture.name}"
    with tempfile.TemporaryDirectory(prefix=".gate-", dir=out) as scratch:
        built = Path(scratch).resolve() / gate.name
        # By its bare name from its own directory, so that no path can find its way into the gate.
        words = [*command, *FLAGS, *architecture.flags, "-o", str(built), source.name]
        done = subprocess.run(  # noqa: S603 - the compiler is the builder's own choice
            words, cwd=source.parent, check=False, capture_output=True, text=True
        )
        if done.returncode:
            raise BuildError(
                f"saferun's gate for {architecture.name}: {command[0]} failed: {done.stderr}"
            )
        wrong = fault(built.read_bytes(), architecture)
        if wrong:
            raise BuildError(f"saferun's gate for {architecture.name}: {command[0]} made {wrong}")
        built.chmod(0o755)
        # In one step: whoever executes the previous one right now keeps it.
        return built.replace(gate)


def fault(program: bytes, architecture: Architecture) -> str:
    """Return what keeps an ELF file from running on a bare kernel, or "" when nothing does."""
    if program[:7] != b"\x7fELF\x02\x01\x01":
        return "no 64-bit little-endian ELF file"
    # e_type, e_machine; e_phoff; e_phentsize, e_phnum
    (kind, machine), (table,), (size, count) = (
        struct.unpack_from("<HH", program, 16),
        struct.unpack_from("<Q", program, 32),
        struct.unpack_from("<HH", program, 54),
    )
    if machine != architecture.elf:
        return f"a file for machine {machine} instead of {architecture.elf}"
    # p_type, p_flags
    segments = [struct.unpack_from("<II", program, table + size * i) for i in range(count)]
    kinds = {segment for segment, _ in segments}
    executable, dynamic, interpreter, stack = 2, 2, 3, 0x6474E551
    if kind != executable or dynamic in kinds or interpreter in kinds:
        return "a file that is not static"
    writable_and_executable = 2 | 1
    if stack not in kinds or any(
        flags & writable_and_executable == writable_and_executable for _, flags in segments
    ):
        return "a file with writable code or an executable stack"
    return ""


def describe(gates: dict[str, Path]) -> str:
    """Return the text of saferun/gate/built.py, which says what was built."""
    digest = hashlib.sha256()
    for name, path in gates.items():
        program = path.read_bytes()
        digest.update(f"{name} {len(program)}\n".encode() + program)
    names = ", ".join(f'"{name}"' for name in gates)
    return f'''"""The gates that this package carries; written by hatch_build.py."""

from __future__ import annotations

#: sha256 over the names and contents of all gates.
DIGEST: str = "{digest.hexdigest()}"

#: Go's names of the architectures, as an image's Architecture gives them.
ARCHITECTURES: tuple[str, ...] = ({names}{"," if len(gates) == 1 else ""})
'''


def build_in_place(root: Path) -> list[Path]:
    """Build the gates and built.py into the package below `root`, and return their paths."""
    package = root / "saferun" / "gate"
    gates = build_gates(package / "gate.c", package)
    for old in package.glob("gate-*"):
        if old not in gates.values():
            old.unlink()
    built = package / "built.py"
    built.write_text(describe(gates), encoding="utf-8")
    return [*gates.values(), built]


def get_build_hook() -> type[BuildHookInterface[Any]]:
    """Return the hook; hatchling asks for it by this name."""
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface

    class GateHook(BuildHookInterface[Any]):
        """Put the gates into wheels, editable ones included; an sdist carries their source."""

        def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatchling's signature
            """Build, and name what was built to hatchling, because git ignores it.

            The wheel keeps its tag py3-none-any: gates run in containers, never in this Python,
            and one wheel carries those of several architectures.
            """
            if self.target_name != "wheel":
                return
            root = Path(self.root).resolve()
            try:
                paths = build_in_place(root)
            except BuildError as error:
                self.app.abort(str(error))
            else:
                build_data["artifacts"] += [f"/{path.relative_to(root)}" for path in paths]

    return GateHook


if __name__ == "__main__":
    build_in_place(Path(__file__).resolve().parent)
