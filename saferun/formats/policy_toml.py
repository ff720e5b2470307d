"""TOML to statements of the law: all mistakes of a file at once, each with line and column.

Nothing is coerced and nothing unknown is skipped: a typing error in a limit would be a hole that
nobody sees. A file with any mistake states nothing.
"""

from __future__ import annotations

from saferun.formats.policy_mistake import Mistake, dotted, meant, quoted, shown
from saferun.judge.capabilities import canonical
from saferun.judge.keys import KEYS, ROOT_OR_NOT, SCHEMA, VERBS, kind_of, size, table_of
from saferun.judge.policy import Origin, Statement

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from saferun.formats.toml_positions import Path
    from saferun.judge.keys import Kind, Verb, Whom
    from saferun.judge.policy import Value

#: Mistakes reported of one file; whoever has more will not read them.
MOST_MISTAKES = 50
#: Up to this many choices are listed; of more only the nearest is named.
FEW = 3

BYTE_ORDER_MARK = b"\xef\xbb\xbf"

#: The tables that hold keys, by their place in the file.
TABLES: dict[Path, tuple[Verb, Whom]] = {
    **{(verb,): (verb, "any") for verb in VERBS},
    **{(whom, verb): (verb, whom) for whom in ROOT_OR_NOT for verb in VERBS},
}


def parse(data: bytes, source: str) -> tuple[tuple[Statement, ...], tuple[Mistake, ...]]:
    """Return what a policy file states, or, when anything is wrong with it, every mistake in it.

    An empty file is valid and states nothing. `source` is what the file is called in messages.
    """
    # Some editors write a byte order mark; it says nothing.
    data = data.removeprefix(BYTE_ORDER_MARK).replace(b"\r\n", b"\n")
    reader = _Reader(data.decode("utf-8", "replace"), source)
    try:
        data.decode()
        reader.read()
    except UnicodeDecodeError as error:
        reader.mistake(len(data[: error.start].decode()), "this is not UTF-8 text")
    except _TooManyError:
        more = f"{reader.mistakes[-1].message}; there are more mistakes in this file"
        reader.mistakes[-1] = reader.mistakes[-1].replace(message=more)
    if reader.mistakes:
        return (), tuple(sorted(reader.mistakes, key=lambda one: (one.line, one.column)))
    return tuple(sorted(reader.statements, key=lambda one: one.origin.line)), ()


class _TooManyError(Exception):
    """There is no use in looking for more mistakes."""


class _Reader:
    def __init__(self, text: str, source: str) -> None:
        self.text = text
        self.source = source
        self.offsets: dict[Path, int] = {}
        self.statements: list[Statement] = []
        self.mistakes: list[Mistake] = []
        self.known_line = (0, 1)

    def read(self) -> None:
        # A run without policy files needs neither.
        import tomli

        from saferun.formats.toml_positions import Excess, locate

        if "\0" in self.text:
            self.mistake(self.text.index("\0"), "this is not a text file: it holds a NUL byte")
            return
        try:
            self.offsets = locate(self.text)
            document = tomli.loads(self.text)
        except Excess as excess:
            self.mistake(excess.offset, str(excess))
        except ValueError as error:
            self.syntax(str(error))
        else:
            if self.schema(document.pop("schema", SCHEMA)):
                self.tables((), document)

    def syntax(self, complaint: str) -> None:
        """Report what tomli says, which ends in `(at line L, column C)` or `(at end of …)`."""
        message, _, place = complaint.rpartition(" (at ")
        line, _, column = place.removeprefix("line ").rstrip(")").partition(", column ")
        offset = len(self.text.rstrip())
        if line.isdigit() and column.isdigit():
            before = self.text.split("\n")[: int(line) - 1]
            offset = sum(len(text) + 1 for text in before) + int(column) - 1
        if message.startswith(("Cannot ", "Duplicate ")):
            message = "this has been stated before"
        self.mistake(offset, f"not valid TOML: {message[:1].lower()}{message[1:]}")

    def schema(self, value: object) -> bool:
        """Tell whether the rest of the file is in a language that can be read here."""
        newer = type(value) is int and value > SCHEMA
        if newer:
            message = f"schema {shown(value)} is newer than this saferun, which reads {SCHEMA}"
            self.wrong(("schema",), message)
        elif type(value) is not int or value < 1:
            self.wrong(("schema",), f'"schema" must be {SCHEMA}, not {shown(value)}')
        return not newer

    def tables(self, path: Path, content: dict[str, Any]) -> None:
        for name, inner in content.items():
            here = (*path, name)
            if here in TABLES:
                verb, whom = TABLES[here]
                for key, value in self.entries(here, inner).items():
                    self.key(verb, whom, (*here, key), value)
            elif any(here == table[:-1] for table in TABLES):
                self.tables(here, self.entries(here, inner))
            elif name in KEYS:
                homes = _homes(name, next((whom for whom in ROOT_OR_NOT if whom in path), "any"))
                self.wrong(here, f"{quoted(name)} has no place here; it belongs in {homes}")
            elif isinstance(inner, dict):
                tables = {dotted(table[: len(here)]) for table in TABLES}
                guess = meant(dotted(here), tables, "[{}]")
                self.wrong(here, f"unknown table [{dotted(here)}]{guess}")
            else:
                self.wrong(here, f"unknown key {quoted(name)}{meant(name, ('schema', *KEYS))}")

    def entries(self, path: Path, content: object) -> dict[str, Any]:
        if isinstance(content, dict):
            return content
        name = dotted(path)
        self.wrong(path, f'"{name}" must be a table, written [{name}], not {shown(content)}')
        return {}

    def key(self, verb: Verb, whom: Whom, path: Path, value: Any) -> None:  # noqa: ANN401 - so far it is anything
        table, key = table_of(verb, whom), str(path[-1])
        kind = kind_of(verb, whom, key)
        if kind is None and key in KEYS:
            homes = _homes(key, whom)
            self.wrong(path, f"{quoted(key)} has no place in [{table}]; it belongs in {homes}")
        elif kind is None:
            guess = meant(key, [known for known in KEYS if kind_of(verb, whom, known)])
            self.wrong(path, f"unknown key {quoted(key)} in [{table}]{guess}")
        elif demand := _demand(kind, value):
            self.wrong(path, f'"{key}" must be {demand}, not {shown(value)}')
        elif verb == "require" and not value:
            self.wrong(path, f'"{key} = {shown(value)}" requires nothing; leave it out')
        else:
            law: Value = self.names(path, kind, value) if isinstance(value, list) else value
            origin = Origin(self.source, self.line(self.offset(path)), dotted(path))
            self.statements.append(Statement(verb, whom, key, law, origin))

    def names(self, path: Path, kind: Kind, items: list[object]) -> tuple[str, ...]:
        found: dict[str, None] = {}
        for index, item in enumerate(items):
            here = (*path, index)
            if not isinstance(item, str):
                message = f'"{path[-1]}" is a list of names in quotes, not of {shown(item)}'
                self.wrong(here, message)
                continue
            name = canonical(item) if kind.form == "capabilities" else item
            if name in kind.words:
                found[name] = None
            elif len(kind.words) <= FEW:
                choices = " and ".join(quoted(word) for word in kind.words)
                self.wrong(here, f'"{path[-1]}" can only hold {choices}, not {quoted(item)}')
            else:
                guess = meant(item, kind.words)
                self.wrong(here, f"unknown capability {quoted(item)}{guess}")
        return tuple(found)

    def wrong(self, path: Path, message: str) -> None:
        self.mistake(self.offset(path), message)

    def offset(self, path: Path) -> int:
        # A later tomli may read more than we can find; the file is still named then.
        return self.offsets.get(path, 0)

    def mistake(self, offset: int, message: str) -> None:
        if len(self.mistakes) == MOST_MISTAKES:
            raise _TooManyError
        start = self.text.rfind("\n", 0, offset) + 1
        line = self.text[start:].partition("\n")[0]
        self.mistakes.append(
            Mistake(self.source, self.line(offset), offset - start + 1, message, line)
        )

    def line(self, offset: int) -> int:
        """Return the line of an offset; quick when asked in the order of the text."""
        known, line = self.known_line
        if offset < known:
            known, line = 0, 1
        line += self.text.count("\n", known, offset)
        self.known_line = (offset, line)
        return line


def _demand(kind: Kind, value: object) -> str:
    """Return what a value must be, or nothing when it is that."""
    form, right = kind.form, False
    if form == "switch":
        right, demand = isinstance(value, bool), "true or false"
    elif form == "number":
        # In Python, but not in TOML, true and false are numbers.
        right = type(value) is int and kind.least <= value <= kind.most
        demand = f"a whole number, {kind.least} or more"
    elif form == "size":
        right = isinstance(value, str) and size(value) is not None
        demand = 'a size in docker\'s units, such as "512m"'
    elif form == "text":
        right = isinstance(value, str) and value != "" and value.isprintable()
        demand = "text of one or more printable characters"
    else:
        right, demand = isinstance(value, list), f"a list, such as [{quoted(kind.words[0])}]"
    return "" if right else demand


def _homes(key: str, whom: Whom) -> str:
    """Return the tables that a key may stand in, those for the same user if there are any."""
    own = [table_of(verb, whom) for verb in VERBS if kind_of(verb, whom, key)]
    homes = own or [table_of(verb, "any") for verb in VERBS if kind_of(verb, "any", key)]
    return " or ".join(f"[{home}]" for home in homes)
