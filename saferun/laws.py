"""The law in force: the built-in layer and every policy file, read, trusted and understood."""

from __future__ import annotations

from saferun.errors import PolicyError
from saferun.host import policy_files
from saferun.judge.policy import BUILT_IN, Layer, conflicts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from saferun.formats.docker_run.command import RunCommand
    from saferun.judge.policy import Statement


def load(command: RunCommand, environ: Mapping[str, str]) -> tuple[Layer, ...]:
    """Return the layers in the order of trust: built-in, system, user, then every named file.

    Raises PolicyError with all that is wrong in all files at once: a layer that exists but cannot
    be read, trusted or understood stops everything.
    """
    named = [value for name, value in command.own if name == "policy"]
    files, errors = policy_files.read_layers(named, environ)
    if not files and not errors:
        return (BUILT_IN,)
    from saferun.formats import policy_toml  # it costs more than all that a run without it needs

    layers: list[Layer] = []
    problems = [str(error) for error in errors]
    for name, path, data in files:
        statements, mistakes = policy_toml.parse(data, path)
        problems += [str(mistake) for mistake in mistakes]
        _join(layers, name, statements)
    problems += [
        f"{one.origin} and {other.origin} say different things, and neither is before the other"
        for layer in layers
        for one, other in conflicts(layer)
    ]
    if problems:
        hints = dict.fromkeys(hint for error in errors for hint in error.hints)
        raise PolicyError("\n".join(problems), *hints)
    return (BUILT_IN, *layers)


def _join(layers: list[Layer], name: str, statements: tuple[Statement, ...]) -> None:
    """Add a file's statements: files of one level of trust are one layer, without an order.

    Files that were named have one: the order in which they were named, the last one winning.
    """
    if layers and layers[-1].name == name != "explicit":
        layers[-1] = Layer(name, (*layers[-1].statements, *statements))
    else:
        layers.append(Layer(name, statements))
