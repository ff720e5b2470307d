"""TOML to the law: all mistakes of a file at once, each with line and column.

Nothing is coerced and nothing unknown is skipped: a typing error in a limit would be a hole that
nobody sees. A file with any mistake states nothing.
"""

from __future__ import annotations

from saferun.formats import plain_toml, policy_values
from saferun.formats.policy_mistake import Mistake, dotted, meant, quoted, shown
from saferun.judge.keys import KEYS, ROOT_OR_NOT, SCHEMA, VERBS, kind_of, table_of
from saferun.judge.policy import Origin, Statement
from saferun.judge.record import Record
from saferun.judge.rules import Rule

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from saferun.formats.toml_positions import Path
    from saferun.judge.keys import Kind, Verb, Whom
    from saferun.judge.policy import Value
    from saferun.judge.rules import Effect, Entry

#: Mistakes reported of one file; whoever has more will not read them.
MOST_MISTAKES = 50
#: Laws that one file may extend directly.
MOST_EXTENDED = 16

BYTE_ORDER_MARK = b"\xef\xbb\xbf"

#: The tables that hold keys, by their place in the file.
TABLES: dict[Path, tuple[Verb, Whom]] = {
    **{(verb,): (verb, "any") for verb in VERBS},
    **{(whom, verb): (verb, whom) for whom in ROOT_OR_NOT for verb in VERBS},
}
#: The arrays of tables that hold rules.
EFFECTS: tuple[Effect, ...] = ("allow", "deny")
#: What a rule is for, and why; everything else in it is a key.
SELECTORS = ("image", "users", "groups", "reason", "expires")
#: Forms of which less can be said with a limit of its own, so that denying some makes no sense.
AMOUNTS = ("number", "size", "decimal")


class Extended(Record):
    """A law that a file starts from, as it is named there, and where."""

    name: str
    line: int
    column: int
    text: str


class Parsed(Record):
    """What a policy file says, or, when anything is wrong with it, every mistake in it."""

    statements: tuple[Statement, ...] = ()
    rules: tuple[Rule, ...] = ()
    extends: tuple[Extended, ...] = ()
    mistakes: tuple[Mistake, ...] = ()


def parse(data: bytes, source: str) -> Parsed:
    """Return what a policy file says; an empty file is valid and says nothing.

    `source` is what the file is called in messages.
    """
    # Some editors write a byte order mark; it says nothing.
    data = data.removeprefix(BYTE_ORDER_MARK).replace(b"\r\n", b"\n")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        reader = _Reader(data.decode("utf-8", "replace"), source)
        reader.mistake(len(data[: error.start].decode()), "this is not UTF-8 text")
    else:
        reader = _Reader(text, source)
        if reader.read_plain():
            return reader.parsed()
        # What is wrong is told by this way of reading, which knows where everything stands.
        reader = _Reader(text, source)
        reader.read()
    if reader.mistakes:
        ordered = sorted(reader.mistakes, key=lambda one: (one.line, one.column))
        return Parsed(mistakes=tuple(ordered))
    return reader.parsed()


class _TooManyError(Exception):
    """There is no use in looking for more mistakes."""


class _Reader:
    def __init__(self, text: str, source: str) -> None:
        self.text = text
        self.source = source
        self.offsets: dict[Path, int] = {}
        self.statements: list[Statement] = []
        self.rules: list[Rule] = []
        self.extends: list[Extended] = []
        self.mistakes: list[Mistake] = []
        self.known_line = (0, 1)
        # The same values are written again and again where there are many rules; where they are
        # the same object, by its identity, for the document holds it all the time. What it means
        # depends on the table as well, by the kind of value that is wanted there.
        self.known: dict[tuple[str, int, int], Value] = {}

    def read_plain(self) -> bool:
        """Read the file if it is plain and has no mistakes; tell whether it is so."""
        plain = plain_toml.read(self.text)
        if plain is None:
            return False
        document, self.offsets = plain
        try:
            self.document(document)
        except _TooManyError:
            return False
        return not self.mistakes

    def read(self) -> None:
        """Read whatever is TOML, and say what is wrong."""
        try:
            self.read_toml()
        except _TooManyError:
            more = f"{self.mistakes[-1].message}; there are more mistakes in this file"
            self.mistakes[-1] = self.mistakes[-1].replace(message=more)

    def read_toml(self) -> None:
        # A plain file needs neither.
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
            self.document(document)

    def parsed(self) -> Parsed:
        """Return what the file says, which has no mistakes."""
        statements = sorted(self.statements, key=lambda one: one.origin.line)
        return Parsed(tuple(statements), tuple(self.rules), tuple(self.extends))

    def document(self, document: dict[str, Any]) -> None:
        if self.schema(document.pop("schema", SCHEMA)):
            self.extended(document.pop("extends", []))
            for effect in EFFECTS:
                self.rule_tables(effect, document.pop(effect, []))
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

    def extended(self, value: object) -> None:
        """Read which laws the file starts from."""
        if not isinstance(value, list):
            self.wrong(("extends",), f'"extends" must be a list of laws, not {shown(value)}')
            return
        for index, name in enumerate(value):
            path = ("extends", index)
            if not isinstance(name, str) or not name or not name.isprintable():
                self.wrong(path, f'"extends" is a list of names of laws, not of {shown(name)}')
            elif index == MOST_EXTENDED:
                self.wrong(path, f"more than {MOST_EXTENDED} laws to start from")
            else:
                line, column, text = self.place(self.offset(path))
                self.extends.append(Extended(name, line, column, text))

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
            elif isinstance(inner, dict | list) and not path:
                tables = {*(dotted(table[:1]) for table in TABLES), *EFFECTS}
                guess = meant(dotted(here), tables, "[{}]")
                self.wrong(here, f"unknown table [{dotted(here)}]{guess}")
            elif isinstance(inner, dict):
                tables = {dotted(table[: len(here)]) for table in TABLES}
                guess = meant(dotted(here), tables, "[{}]")
                self.wrong(here, f"unknown table [{dotted(here)}]{guess}")
            else:
                known = ("schema", "extends", *KEYS)
                self.wrong(here, f"unknown key {quoted(name)}{meant(name, known)}")

    def entries(self, path: Path, content: object) -> dict[str, Any]:
        if isinstance(content, dict):
            return content
        name = dotted(path)
        self.wrong(path, f'"{name}" must be a table, written [{name}], not {shown(content)}')
        return {}

    def key(self, verb: Verb, whom: Whom, path: Path, value: object) -> None:
        table, key = table_of(verb, whom), str(path[-1])
        kind = kind_of(verb, whom, key)
        if kind is None and key in KEYS:
            homes = _homes(key, whom)
            self.wrong(path, f"{quoted(key)} has no place in [{table}]; it belongs in {homes}")
            return
        if kind is None:
            guess = meant(key, [known for known in KEYS if kind_of(verb, whom, known)])
            self.wrong(path, f"unknown key {quoted(key)} in [{table}]{guess}")
            return
        law = self.value(path, kind, value)
        if law is None:
            return
        if verb == "require" and not law:
            self.wrong(path, f'"{key} = {shown(value)}" requires nothing; leave it out')
            return
        origin = Origin(self.source, self.line(self.offset(path)), dotted(path))
        self.statements.append(Statement(verb, whom, key, law, origin))

    def value(self, path: Path, kind: Kind, value: object) -> Value | None:
        """Return what a value means; None when that is reported as a mistake."""
        key = str(path[-1])
        same = (key, id(kind), id(value))
        if same in self.known:
            return self.known[same]
        law, faults = policy_values.value(key, kind, value)
        for index, fault in faults:
            self.wrong((*path, index) if index >= 0 else path, fault)
        if law is not None:
            self.known[same] = law
        return law

    def rule_tables(self, effect: Effect, content: object) -> None:
        if not isinstance(content, list):
            self.wrong((effect,), f"rules are written [[{effect}]], with two brackets")
            return
        for index, table in enumerate(content):
            self.rule(effect, (effect, index), self.entries((effect, index), table))

    def rule(self, effect: Effect, path: Path, table: dict[str, Any]) -> None:
        """Read one [[allow]] or [[deny]]."""
        entries: list[Entry] = []
        before = len(self.mistakes)
        line = self.line(self.offset(path))
        for key, value in table.items():
            here = (*path, key)
            if key not in SELECTORS:
                self.entry(effect, here, value, entries)
        reason = table.get("reason")
        if not isinstance(reason, str) or not reason.strip() or not reason.isprintable():
            said = f"not {shown(reason)}" if "reason" in table else "and it is missing"
            where = (*path, "reason") if "reason" in table else path
            self.wrong(where, f'"reason" must say why in words, {said}')
        images, users, groups = (
            self.selector((*path, name), table[name]) if name in table else ()
            for name in ("image", "users", "groups")
        )
        expires = self.expiry(effect, path, table.get("expires")) if "expires" in table else ""
        if len(self.mistakes) > before:
            return
        if not entries:
            self.wrong(path, f"this [[{effect}]] says nothing; name what it is about")
            return
        self.rules.append(
            Rule(
                effect,
                tuple(entries),
                self.source,
                line,
                str(reason),
                images,
                users,
                groups,
                expires,
            )
        )

    def entry(self, effect: Effect, path: Path, value: object, entries: list[Entry]) -> None:
        key = str(path[-1])
        kind = kind_of("limits", "any", key)
        lifts = key == "forbid" and effect == "allow"
        if kind is None or lifts:
            known = [*SELECTORS, *(one for one in KEYS if kind_of("limits", "any", one))]
            why = "has no place" if key in KEYS else "is unknown"
            self.wrong(path, f"{quoted(key)} {why} in [[{effect}]]{meant(key, known)}")
        elif effect == "deny" and kind.form in AMOUNTS:
            self.wrong(path, f'"{key}" cannot be denied; write a lower [limits] {key}')
        elif kind.form == "switch" and value is not True:
            self.wrong(path, f'"{key}" in [[{effect}]] must be true, not {shown(value)}')
        elif kind.is_list and value == []:
            # In a limit that is none; whoever denies [] may mean all of them.
            self.wrong(path, f'"{key} = []" names nothing; name what the [[{effect}]] is about')
        else:
            law = self.value(path, kind, value)
            if law is not None:
                entries.append((key, law, self.line(self.offset(path))))

    def selector(self, here: Path, value: object) -> tuple[str, ...]:
        """Read whom a rule is for: a list of texts, or for images a single one."""
        name = str(here[-1])
        items = [value] if name == "image" and isinstance(value, str) else value
        # An empty list would be for everybody, or for nobody: who could tell.
        if not isinstance(items, list) or not items:
            self.wrong(here, f'"{name}" must be a list, such as ["…"], not {shown(value)}')
            return ()
        for index, item in enumerate(items):
            fault = _wrong_selector(name, item)
            if fault:
                self.wrong((*here, index) if items is value else here, fault)
        return tuple(dict.fromkeys(map(str, items)))

    def expiry(self, effect: Effect, path: Path, value: object) -> str:
        """Read the last day of an exception; there is none for what is denied."""
        here = (*path, "expires")
        if effect == "deny":
            self.wrong(here, "what is denied cannot expire: nothing may be allowed by itself")
            return ""
        if isinstance(value, plain_toml.Day):
            return value.text
        from datetime import date, datetime  # tomli has imported it already

        if not isinstance(value, date) or isinstance(value, datetime):
            self.wrong(here, f'"expires" must be a date, such as 2027-01-31, not {shown(value)}')
        else:
            return value.isoformat()
        return ""

    def wrong(self, path: Path, message: str) -> None:
        self.mistake(self.offset(path), message)

    def offset(self, path: Path) -> int:
        # A later tomli may read more than we can find; the file is still named then.
        return self.offsets.get(path, 0)

    def mistake(self, offset: int, message: str) -> None:
        if len(self.mistakes) == MOST_MISTAKES:
            raise _TooManyError
        line, column, text = self.place(offset)
        self.mistakes.append(Mistake(self.source, line, column, message, text))

    def place(self, offset: int) -> tuple[int, int, str]:
        """Return line and column, both from 1, of an offset, and the text of the line."""
        start = self.text.rfind("\n", 0, offset) + 1
        return self.line(offset), offset - start + 1, self.text[start:].partition("\n")[0]

    def line(self, offset: int) -> int:
        """Return the line of an offset; quick when asked in the order of the text."""
        known, line = self.known_line
        if offset < known:
            known, line = 0, 1
        line += self.text.count("\n", known, offset)
        self.known_line = (offset, line)
        return line


def _wrong_selector(name: str, item: object) -> str:
    """Return what is wrong with one thing that a rule is for, or nothing."""
    if not isinstance(item, str):
        return f'"{name}" is a list of texts in quotes, not of {shown(item)}'
    if name == "image":
        from saferun.judge.values import images

        demand = images.problem(item)
        return f'"image" cannot hold {quoted(item)}: it must be {demand}' if demand else ""
    if not item or not item.isprintable() or item != item.strip() or ":" in item:
        return f'"{name}" holds names or numbers, not {quoted(item)}'
    return ""


def _homes(key: str, whom: Whom) -> str:
    """Return the tables that a key may stand in, those for the same user if there are any."""
    own = [table_of(verb, whom) for verb in VERBS if kind_of(verb, whom, key)]
    homes = own or [table_of(verb, "any") for verb in VERBS if kind_of(verb, "any", key)]
    return " or ".join(f"[{home}]" for home in homes)
