"""The process that fuzzes: `python -m tests.fuzz.fuzzer TARGET` with libFuzzer's own arguments.

It ends as libFuzzer ends it; `python -m tests.fuzz` starts it.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pkgutil import walk_packages
from random import Random

#: What is counted: where texts are given meaning, and the law.
COUNTED = ("saferun.formats", "saferun.judge", "saferun.host.engine", "saferun.processes")


def main(name: str, arguments: list[str]) -> None:
    """Fuzz a target until libFuzzer has enough."""
    atheris = import_module("atheris")  # which has no types, and is not everywhere
    with atheris.instrument_imports(include=["saferun"]):
        # All of it, because saferun imports what is rarely needed only where it is.
        for package in COUNTED:
            found = import_module(package)
            for module in walk_packages(getattr(found, "__path__", []), f"{package}."):
                import_module(module.name)
        target = import_module(f"tests.fuzz.{name}")

    def mutate(data: bytes, most: int, seed: int) -> bytes:
        random = Random(seed)
        changed = target.mutated(data, random) if random.randrange(2) else data
        return bytes(atheris.Mutate(data, most) if changed == data else changed[:most])

    # A merge starts this command again, through a shell.
    command = f"{sys.executable} -m tests.fuzz.fuzzer {name}"
    atheris.Setup([command, *arguments], target.run, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
