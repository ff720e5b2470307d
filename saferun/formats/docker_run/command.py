"""argv to RunCommand as pflag reads it, and back in a form that cannot be read in two ways.

The grammar is that of spf13/pflag's `FlagSet.parseArgs` with interspersed flags off, which is how
the docker CLI reads what follows `docker run`. Nothing is trimmed, unquoted or abbreviated.

What is written is canonical: `--name=value` for every option, then `--`, then image and arguments.
Where the table is wrong about a flag, docker refuses the canonical words; it cannot take an option
for an image, nor the other way round.
"""

from __future__ import annotations

from saferun.formats.docker_run.flags import TABLE
from saferun.formats.json_text import as_sent
from saferun.judge.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Literal, TypeAlias

    from saferun.formats.docker_run.flags import Flag, Table

    Options: TypeAlias = tuple[tuple[str, str], ...]
    ProblemKind: TypeAlias = Literal[
        "unknown-flag", "needs-argument", "bad-syntax", "bad-bool", "no-image", "own-option"
    ]

#: What Go's strconv.ParseBool accepts, and nothing else.
BOOLS = {
    **dict.fromkeys(("1", "t", "T", "TRUE", "true", "True"), "true"),
    **dict.fromkeys(("0", "f", "F", "FALSE", "false", "False"), "false"),
}
#: Options which, when true, ask for something that needs no image.
INFORMATION = frozenset({("help", "true"), ("saferun-version", "true")})


class RunCommand(Record):
    """A `docker run` command line, understood.

    `options` are docker's, by canonical name, in the order given; values are verbatim, except that
    those of bools are "true" or "false". `own` are saferun's. `image` is empty also when there was
    none, which only a command line that asks for information can afford.

    Whoever asks for an option by its name is told what the engine is told, which is not verbatim
    where a value is no UTF-8: a path with such a byte in it means another file there.
    """

    options: Options
    own: Options
    image: str
    args: tuple[str, ...]

    def last(self, name: str) -> str | None:
        """Return the last value of an option, None when it was not given."""
        values = self.all(name)
        return values[-1] if values else None

    def all(self, name: str) -> tuple[str, ...]:
        """Return every value of an option, in order, as the engine is told."""
        return tuple(as_sent(value) for given, value in self.options if given == name)

    def verbatim(self, name: str) -> tuple[str, ...]:
        """Return every value of an option that names a file for docker itself, in order."""
        return tuple(value for given, value in self.options if given == name)

    def is_true(self, name: str) -> bool:
        """Tell whether a bool was given and its last value is true."""
        return self.last(name) == "true"

    def with_option(self, name: str, value: str) -> RunCommand:
        """Return the command with one more option, after all others."""
        return self.replace(options=(*self.options, (name, value)))

    def without(self, name: str) -> RunCommand:
        """Return the command without any use of an option."""
        return self.replace(options=tuple(pair for pair in self.options if pair[0] != name))


class Problem(Record):
    """Why words are not a `docker run` command line.

    `probe` are words that make the real `docker run` say so itself, with its own exit status: the
    options up to the fault and the faulty word, and never an image, so that nothing can run
    whatever the CLI makes of them. It is empty where the fault is in one of saferun's own options;
    then `text` is all there is to say.
    """

    kind: ProblemKind
    text: str
    probe: tuple[str, ...]


def parse(words: Iterable[str], table: Table = TABLE) -> RunCommand | Problem:
    """Read the words after `docker run` as the docker CLI would."""
    return _Reading(words, table).command()


def unknown(command: RunCommand) -> str | None:
    """Return an option that only the CLI's help names, None if there is none.

    No policy can speak of it: it may be a newer docker's, or Podman's.
    """
    return next((name for name, _ in command.options if TABLE.named(name) is None), None)


def to_argv(command: RunCommand) -> list[str]:
    """Return the canonical words for a command, without saferun's own options."""
    return [*_canonical(command.options), "--", command.image, *command.args]


def _canonical(options: Iterable[tuple[str, str]]) -> list[str]:
    return [f"--{name}={value}" for name, value in options]


class _Reading:
    """One pass over the words, from left to right."""

    def __init__(self, words: Iterable[str], table: Table) -> None:
        self.table = table
        self.rest = list(words)
        self.rest.reverse()  # the next word is the last of the list
        self.options: list[tuple[str, str]] = []
        self.own: list[tuple[str, str]] = []

    def command(self) -> RunCommand | Problem:
        while self.rest:
            word = self.rest.pop()
            if word == "--":
                break
            if not word.startswith("-") or word == "-":
                self.rest.append(word)
                break
            problem = self._long(word) if word.startswith("--") else self._cluster(word)
            if problem:
                return problem
        if not self.rest and INFORMATION.isdisjoint(dict([*self.options, *self.own]).items()):
            text = "docker run requires at least 1 argument: the image"
            return Problem("no-image", text, tuple(_canonical(self.options)))
        image, *args = self.rest[::-1] or [""]
        return RunCommand(tuple(self.options), tuple(self.own), image, tuple(args))

    def _long(self, word: str) -> Problem | None:
        """Read `--name`, `--name=value` or `--name value`."""
        name, equals, value = word[2:].partition("=")
        if not name or name.startswith("-"):
            return self._problem("bad-syntax", f"bad flag syntax: {word}", word)
        flag = self.table.named(name)
        if flag is None:
            return self._problem("unknown-flag", f"unknown flag: --{name}", word)
        if equals:
            return self._set_to(flag, value, word)
        if flag.kind != "value":
            return self._set(flag, _implied(flag))
        if self.rest:
            return self._set(flag, self.rest.pop())
        return self._needs_argument(flag, f"--{name}", word)

    def _cluster(self, word: str) -> Problem | None:
        """Read letters that share a dash, the last of which may have a value."""
        letters = word[1:]
        # pflag lets flags of `go test` pass, and everything after them in the same word.
        while letters and not letters.startswith("test."):
            letter, after = letters[0], letters[1:]
            flag = self.table.lettered(letter)
            if flag is None:
                text = f"unknown shorthand flag: '{letter}' in -{letters}"
                return self._problem("unknown-flag", text, word)
            if len(after) > 1 and after[0] == "=":
                return self._set_to(flag, after[1:], word)
            if flag.kind == "value":
                if not after and not self.rest:
                    return self._needs_argument(flag, f"'{letter}' in -{letters}", word)
                return self._set(flag, after or self.rest.pop())
            problem = self._set(flag, _implied(flag))
            if problem:
                return problem
            letters = after
        return None

    def _set_to(self, flag: Flag, given: str, word: str) -> Problem | None:
        """Set what stands behind an equals sign, where a bool may have a value, too."""
        if flag.kind != "bool":
            return self._set(flag, given)
        if given in BOOLS:
            return self._set(flag, BOOLS[given])
        if flag.own:
            return _own_problem(flag)
        text = f'invalid argument "{given}" for "--{flag.name}" flag: neither true nor false'
        return self._problem("bad-bool", text, word)

    def _set(self, flag: Flag, value: str) -> Problem | None:
        if not flag.own:
            self.options.append((flag.name, value))
            return None
        if not value or (flag.choices and value not in flag.choices):
            return _own_problem(flag)
        self.own.append((flag.name, value))
        return None

    def _needs_argument(self, flag: Flag, where: str, word: str) -> Problem:
        if flag.own:
            return _own_problem(flag)
        return self._problem("needs-argument", f"flag needs an argument: {where}", word)

    def _problem(self, kind: ProblemKind, text: str, word: str) -> Problem:
        return Problem(kind, text, (*_canonical(self.options), word))


def _implied(flag: Flag) -> str:
    """Return what a flag means when it is given without a value that it need not have."""
    return flag.choices[0] if flag.own else "true"


def _own_problem(flag: Flag) -> Problem:
    name = f"--{flag.name}"
    takes = f"takes {' or '.join(flag.choices)}"
    text = f"{name} {takes if flag.choices else f'needs a file name, as in {name}=FILE'}"
    return Problem("own-option", text, ())
