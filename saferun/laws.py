"""The law in force: the built-in layer and every policy file, read, trusted and understood."""

from __future__ import annotations

from saferun.errors import PolicyError
from saferun.host import policy_files, shipped
from saferun.judge.policy import BUILT_IN, Layer, conflicts
from saferun.judge.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from saferun.formats.docker_run.command import RunCommand
    from saferun.formats.policy_toml import Extended, Parsed
    from saferun.judge.policy import Statement
    from saferun.judge.rules import Rule

#: How far one law may start from another that starts from another.
DEEPEST = 16


class Content(Record):
    """What a policy file says, together with all that it starts from."""

    statements: tuple[Statement, ...] = ()
    rules: tuple[Rule, ...] = ()
    sources: tuple[tuple[str, bytes], ...] = ()


def load(command: RunCommand, environ: Mapping[str, str]) -> tuple[Layer, ...]:
    """Return the layers in the order of trust: built-in, system, user, then every named file.

    Raises PolicyError with all that is wrong in all files at once: a layer that exists but cannot
    be read, trusted or understood stops everything.
    """
    named = [value for name, value in command.own if name == "policy"]
    return of_files(*policy_files.read_layers(named, environ))


def of_files(
    files: Iterable[policy_files.PolicyFile], errors: Iterable[PolicyError] = ()
) -> tuple[Layer, ...]:
    """Return the built-in layer and those that files make; raises PolicyError like `load`."""
    reading = _Reading(errors)
    levels: list[tuple[str, list[Content]]] = []
    for name, path, data in files:
        content = reading.content(name, path, data, ())
        # Files of one level of trust are one layer, without an order. Files that were named have
        # one: the order in which they were named, the last one winning.
        if levels and levels[-1][0] == name != "explicit":
            levels[-1][1].append(content)
        else:
            levels.append((name, [content]))
    layers = [
        Layer(
            name,
            tuple(one for content in contents for one in content.statements),
            tuple(one for content in contents for one in content.rules),
            sources=tuple(one for content in contents for one in content.sources),
        )
        for name, contents in levels
    ]
    reading.problems += [
        f"{one.origin} and {other.origin} say different things, and neither is before the other"
        for layer in layers
        for one, other in conflicts(layer)
    ]
    if reading.problems:
        raise PolicyError("\n".join(dict.fromkeys(reading.problems)), *dict.fromkeys(reading.hints))
    return (BUILT_IN, *layers)


class _Reading:
    """Reads files and what they start from, and collects whatever is wrong with any of them."""

    def __init__(self, errors: Iterable[PolicyError]) -> None:
        self.problems: list[str] = []
        self.hints: list[str] = []
        for error in errors:
            self.failed(error)

    def failed(self, error: PolicyError, where: str = "") -> None:
        self.problems.append(where + str(error))
        self.hints += error.hints

    def content(self, layer: str, path: str, data: bytes, above: tuple[str, ...]) -> Content:
        """Return what a file says; `above` are the files that start from it."""
        from saferun.formats import policy_toml  # a run without policy files does not need it

        parsed = policy_toml.parse(data, shipped.called(path))
        self.problems += map(str, parsed.mistakes)
        started = [self.started(layer, path, one, (*above, path)) for one in parsed.extends]
        content = joined(parsed, started) if started else Content(parsed.statements, parsed.rules)
        return content.replace(sources=((path, data), *content.sources))

    def started(self, layer: str, path: str, law: Extended, above: tuple[str, ...]) -> Content:
        """Return what a law says that a file starts from."""
        from saferun.formats.policy_mistake import Mistake

        def wrong(message: str) -> Content:
            self.problems.append(str(Mistake(path, law.line, law.column, message, law.text)))
            return Content()

        found = _found(path, law.name)
        if found is None:
            from saferun.formats.policy_mistake import meant, quoted

            known = shipped.names()
            guess = meant(law.name, known) or f"; there are {', '.join(known)}"
            return wrong(f"no law is called {quoted(law.name)}{guess}")
        where, ours = found
        if where in above:
            return wrong("this law starts from itself: " + " from ".join([*above, where]))
        if len(above) > DEEPEST:
            return wrong(f"more than {DEEPEST} laws that start from one another")
        try:
            data = policy_files.read_extended("explicit" if ours else layer, where)
        except PolicyError as error:
            self.hints += error.hints
            return wrong(str(error))
        return self.content(layer, where, data, above)


def _found(path: str, name: str) -> tuple[str, bool] | None:
    """Return the file of a law that is started from, and whether it comes with saferun.

    A name with a slash is a path, seen from the directory of the file that says it.
    """
    if "/" in name:
        directory = path.rpartition("/")[0] or "."
        return (name if name.startswith("/") else f"{directory}/{name.removeprefix('./')}"), False
    found = shipped.path(name)
    return None if found is None else (found, True)


def joined(parsed: Parsed, started: Sequence[Content]) -> Content:
    """Return what a file says together with what it starts from.

    Its own limits and defaults take the place of those that it starts from, in the same table;
    requirements and rules add up. Of several laws that it starts from, limits hold together, and
    the last default counts.
    """
    stated = {_place(one) for one in parsed.statements if one.verb != "require"}
    statements: list[Statement] = list(parsed.statements)
    rules = list(parsed.rules)
    for content in reversed(started):
        fresh = [one for one in content.statements if _place(one) not in stated]
        stated |= {_place(one) for one in fresh if one.verb == "defaults"}
        statements += fresh
        rules += content.rules
    sources = tuple(one for content in started for one in content.sources)
    return Content(tuple(dict.fromkeys(statements)), tuple(rules), sources)


def _place(statement: Statement) -> tuple[str, str, str]:
    return statement.verb, statement.whom, statement.key
