"""What policy files say, and what is said of those that say something wrong."""

from __future__ import annotations

import pytest

from saferun.formats.policy_toml import MOST_MISTAKES, Parsed, parse
from saferun.judge.policy import BUILT_IN

LAW = """\
schema = 1

[defaults]
user = "1000:1000"
memory = "512m"
pids-limit = 512
read-only = true
init = false
network = "none"
security-opt = ["no-new-privileges"]

[root.defaults]
cap-drop = ["NET_RAW", "cap_mknod"]

[limits]
privileged = false
verify = ["on", "off"]

[nonroot.limits]
cap-add = [ # given back to some
  "NET_BIND_SERVICE",
  "chown", "CAP_CHOWN",
]

[require]
security-opt = ["no-new-privileges"]
read-only = true

[root.require]
cap-drop = ["all"]
"""


def said(text: str) -> list[str]:
    """Return `place: message` of every mistake in a text."""
    parsed = parse(text.encode(), "/p")
    statements, mistakes = parsed.statements, parsed.mistakes
    assert bool(mistakes) != bool(statements) or not text.strip()
    return [str(mistake).partition("\n")[0].removeprefix("/p:") for mistake in mistakes]


def test_a_whole_law_is_read_with_the_origin_of_every_value() -> None:
    """Each statement knows its table, its canonical value, and its line and key."""
    parsed = parse(LAW.encode(), "/p")
    statements, mistakes = parsed.statements, parsed.mistakes
    assert mistakes == ()
    assert [(str(one.origin), one.verb, one.whom, one.value) for one in statements] == [
        ("/p:4 defaults.user", "defaults", "any", "1000:1000"),
        ("/p:5 defaults.memory", "defaults", "any", "512m"),
        ("/p:6 defaults.pids-limit", "defaults", "any", 512),
        ("/p:7 defaults.read-only", "defaults", "any", True),
        ("/p:8 defaults.init", "defaults", "any", False),
        ("/p:9 defaults.network", "defaults", "any", "none"),
        ("/p:10 defaults.security-opt", "defaults", "any", ("no-new-privileges",)),
        ("/p:13 root.defaults.cap-drop", "defaults", "root", ("NET_RAW", "MKNOD")),
        ("/p:16 limits.privileged", "limits", "any", False),
        ("/p:17 limits.verify", "limits", "any", ("on", "off")),
        ("/p:20 nonroot.limits.cap-add", "limits", "nonroot", ("NET_BIND_SERVICE", "CHOWN")),
        ("/p:26 require.security-opt", "require", "any", ("no-new-privileges",)),
        ("/p:27 require.read-only", "require", "any", True),
        ("/p:30 root.require.cap-drop", "require", "root", ("ALL",)),
    ]
    assert all(one.key == one.origin.key.rpartition(".")[2] for one in statements)


@pytest.mark.parametrize(
    "text",
    [
        "nonroot.limits.cap-add = ['CHOWN']",
        "nonroot = { limits = { cap-add = ['CHOWN'] } }",
        "[nonroot]\nlimits.cap-add = ['CHOWN']",
        "['nonroot' . \"limits\"]\n\"cap\\u002dadd\" = ['CHOWN']",
        '[nonroot.limits]\r\ncap-add = [\r\n"CHOWN"]\r\n',
        '\ufeff[nonroot.limits]\ncap-add = ["""\nCHOWN"""]',
    ],
)
def test_toml_may_be_written_in_every_way_that_toml_has(text: str) -> None:
    """Dotted, inline and quoted keys, Windows line ends and a byte order mark are the same law."""
    parsed = parse(text.encode(), "/p")
    statements, mistakes = parsed.statements, parsed.mistakes
    assert mistakes == ()
    assert [(one.verb, one.whom, one.key, one.value) for one in statements] == [
        ("limits", "nonroot", "cap-add", ("CHOWN",))
    ]
    assert statements[0].origin.key == "nonroot.limits.cap-add"


@pytest.mark.parametrize("text", ["", "\n", "# nothing\r\n", "schema = 1", "[limits]\n[nonroot]"])
def test_a_file_may_say_nothing(text: str) -> None:
    """An empty file is valid and has no opinion; the language's version may be left out."""
    assert parse(text.encode(), "/p") == Parsed()


MISTAKES = {
    # Names that are not known
    "[limit]\nverify = ['on']": ["1:2: unknown table [limit]; did you mean [limits]?"],
    "[nonroot.limit]": ["1:10: unknown table [nonroot.limit]; did you mean [nonroot.limits]?"],
    "[non-root.limits]": ["1:2: unknown table [non-root]; did you mean [nonroot]?"],
    "[elsewhere]": ["1:2: unknown table [elsewhere]"],
    "[[alow]]\nimage = 'x'": ["1:3: unknown table [alow]; did you mean [allow]?"],
    "shema = 1": ['1:1: unknown key "shema"; did you mean "schema"?'],
    "[nonroot.limits]\ncap_add = []": [
        '2:1: unknown key "cap_add" in [nonroot.limits]; did you mean "cap-add"?'
    ],
    "[limits]\nPrivileged = true": [
        '2:1: unknown key "Privileged" in [limits]; did you mean "privileged"?'
    ],
    "[limits]\nx-note = 1": ['2:1: unknown key "x-note" in [limits]'],
    "limits.cap-add = ['CHOWN', 'NET_RWA']": [
        '1:28: unknown capability "NET_RWA"; did you mean "NET_RAW"?'
    ],
    "limits.cap-add = ['CAP_ALL', ' CHOWN']": [
        '1:19: unknown capability "CAP_ALL"; did you mean "ALL"?',
        '1:30: unknown capability " CHOWN"; did you mean "CHOWN"?',
    ],
    "limits.cap-add = ['\u0405YS_ADMIN']": [
        '1:19: unknown capability "\\u0405YS_ADMIN"; did you mean "SYS_ADMIN"?'
    ],
    "limits.'c\u0430p-add' = []": [
        '1:8: unknown key "c\\u0430p-add" in [limits]; did you mean "cap-add"?'
    ],
    # Names that belong somewhere else
    "cap-add = ['CHOWN']": [
        '1:1: "cap-add" has no place here; it belongs in [defaults] or [limits]'
    ],
    "[nonroot]\ncap-add = ['CHOWN']": [
        '2:1: "cap-add" has no place here; it belongs in [nonroot.defaults] or [nonroot.limits]'
    ],
    "[defaults]\nprivileged = true": [
        '2:1: "privileged" has no place in [defaults]; it belongs in [limits]'
    ],
    "[root.defaults]\nuser = '1'": [
        '2:1: "user" has no place in [root.defaults]; it belongs in [root.limits]'
    ],
    "[limits]\nread-only = true": [
        '2:1: "read-only" has no place in [limits]; it belongs in [defaults] or [require]'
    ],
    # Types
    "limits = true": ['1:1: "limits" must be a table, written [limits], not true'],
    "[[limits]]\nprivileged = false": [
        '1:3: "limits" must be a table, written [limits], not a list'
    ],
    "nonroot.limits = 'none'": [
        '1:9: "nonroot.limits" must be a table, written [nonroot.limits], not the text "none"'
    ],
    "limits.privileged = 'false'": [
        '1:8: "privileged" must be true or false, not the text "false"'
    ],
    "limits.privileged = 0": ['1:8: "privileged" must be true or false, not 0'],
    "limits.cap-add = 'CHOWN'": [
        '1:8: "cap-add" must be a list, such as ["CHOWN"], not the text "CHOWN"'
    ],
    "limits.cap-add = {}": ['1:8: "cap-add" must be a list, such as ["CHOWN"], not a table'],
    "limits.cap-add = ['CHOWN', 1, ['KILL']]": [
        '1:28: "cap-add" is a list of texts in quotes, not of 1',
        '1:31: "cap-add" is a list of texts in quotes, not of a list',
    ],
    "defaults.pids-limit = true": [
        '1:10: "pids-limit" must be a whole number, -1 or more, not true'
    ],
    "defaults.pids-limit = 5.0": ['1:10: "pids-limit" must be a whole number, -1 or more, not 5.0'],
    "defaults.pids-limit = -2": ['1:10: "pids-limit" must be a whole number, -1 or more, not -2'],
    "defaults.memory = 1024": [
        '1:10: "memory" must be a size in docker\'s units, such as "512m", not 1024'
    ],
    "defaults.memory = 'lots'": [
        '1:10: "memory" must be a size in docker\'s units, such as "512m", not the text "lots"'
    ],
    "defaults.user = ''": [
        '1:10: "user" must be text of one or more printable characters, not the text ""'
    ],
    'defaults.network = "a\\u0000"': [
        '1:10: "network" must be text of one or more printable characters, not the text "a\\x00"'
    ],
    "defaults.network = 2027-01-31": [
        '1:10: "network" must be text of one or more printable characters, not a date'
    ],
    # Values that make no sense
    "require.read-only = false": ['1:9: "read-only = false" requires nothing; leave it out'],
    "require.cap-drop = []": ['1:9: "cap-drop = []" requires nothing; leave it out'],
    "require.cap-drop = ['NET_RAW']": ['1:21: "cap-drop" can only hold "ALL", not "NET_RAW"'],
    "require.security-opt = ['seccomp=unconfined']": [
        (
            '1:25: "security-opt" can only hold "no-new-privileges" and "seccomp", '
            'not "seccomp=unconfined"'
        )
    ],
    "limits.verify = ['of']": [
        '1:18: "verify" can only hold "on" and "off", not "of"; did you mean "off"?'
    ],
    # The version of the language
    "schema = 2\n[new]\nx = 1": ["1:1: schema 2 is newer than this saferun, which reads 1"],
    "schema = 0": ['1:1: "schema" must be 1, not 0'],
    "schema = true": ['1:1: "schema" must be 1, not true'],
    "schema = '1'": ['1:1: "schema" must be 1, not the text "1"'],
    # What no parser should be given
    "a = " + "[" * 100_000: ["1:21: nested more than 16 levels deep"],
    "a = " + "1" * 5_000: ["1:5: a value of more than 1000 characters"],
    "limits.privileged\0 = true": ["1:18: this is not a text file: it holds a NUL byte"],
}


@pytest.mark.parametrize(("text", "expected"), MISTAKES.items(), ids=lambda it: repr(it)[:40])
def test_a_mistake_is_named_with_its_place(text: str, expected: list[str]) -> None:
    """Nothing is coerced, skipped or guessed: the file states nothing, and says where and why."""
    assert said(text) == expected


SYNTAX = {
    "[limits": "1:8",
    "limits.c\u0430p-add = []": "1:9",
    "limits.privileged = yes": "1:21",
    "limits.cap-add = ['CHOWN',\n\n": "1:27",
    "[limits]\nverify = ['on'] ['off']": "2:17",
}
REPEATED = {
    "[limits]\nprivileged = true\nprivileged = false\n": "3:19",
    "[limits]\n[limits]": "2:8",
    "limits.verify = []\nlimits = {}": "2:12",
    "a = {b = 1, b = 2}": "1:18",
}


@pytest.mark.parametrize(("text", "place"), SYNTAX.items())
def test_what_is_not_toml_is_named_with_its_place(text: str, place: str) -> None:
    """The parser's own words, in our form."""
    (line,) = said(text)
    assert line.startswith(f"{place}: not valid TOML: ")
    assert "(at" not in line
    assert line[len(f"{place}: not valid TOML: ")].islower()


@pytest.mark.parametrize(("text", "place"), REPEATED.items())
def test_what_is_stated_twice_is_no_law(text: str, place: str) -> None:
    """Neither the first nor the last one wins."""
    assert said(text) == [f"{place}: not valid TOML: this has been stated before"]


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (b"# caf\xe9\n", "1:6"),
        (b"\n# \xc3\xa9\xff", "2:4"),
        ("[limits]".encode("utf-16"), "1:1"),
        (b"\x7fELF\x02\x01\x01\xf8", "1:8"),
    ],
)
def test_what_is_not_utf_8_is_named_with_its_place(data: bytes, place: str) -> None:
    """Other encodings and programs are not policies."""
    parsed = parse(data, "/p")
    statements, (mistake,) = parsed.statements, parsed.mistakes
    assert statements == ()
    assert str(mistake).startswith(f"/p:{place}: this is not UTF-8 text\n")


def test_all_mistakes_come_at_once_in_the_order_of_the_file() -> None:
    """Whoever repairs a file reads it once, also when tables are written in pieces."""
    text = """\
[root.limits]
cap-add = ["BFP"]
[require]
read-only = 1
[nonroot.limit]
[defaults]
privileged = true
[root.require]
cap-add = []
"""
    places = [line.split(": ")[0] for line in said(text)]
    assert places == ["2:12", "4:1", "5:10", "7:1", "9:1"]


def test_a_mistake_is_shown_with_its_line_and_a_caret() -> None:
    """The caret stands under the place, tabs or not."""
    (mistake,) = parse(b"[limits]\n\tcap-add = [\t'NET_RWA' ] # here\n", "/etc/p.toml").mistakes
    assert str(mistake) == (
        '/etc/p.toml:2:14: unknown capability "NET_RWA"; did you mean "NET_RAW"?\n'
        "   cap-add = [ 'NET_RWA' ] # here\n" + " " * 15 + "^"
    )


def test_of_a_long_line_only_the_part_around_the_mistake_is_shown() -> None:
    """A message stays a message."""
    text = "limits.cap-add = [" + "'CHOWN', " * 1000 + "'WRONG'" + ", 'CHOWN'" * 1000 + "]"
    (mistake,) = parse(text.encode(), "/p").mistakes
    _, shown, caret = str(mistake).split("\n")
    assert len(shown) < 100
    assert shown[caret.index("^") :].startswith("'WRONG'")


def test_nothing_that_steers_a_terminal_is_shown() -> None:
    """A file's content cannot rewrite the message about it."""
    mistakes = parse(b"# \x1b[2J\n", "/p").mistakes
    more = parse("limits.cap-add = ['\u202e']\n\"\\u001b\" = 1".encode(), "/p").mistakes
    assert len(mistakes + more) == 3
    for mistake in mistakes + more:
        assert all(line.isprintable() for line in str(mistake).split("\n"))


def test_a_hopeless_file_is_given_up_on() -> None:
    """Nobody reads a hundred thousand mistakes, and finding them would take minutes."""
    text = "limits.cap-add = [" + "'WRONG', " * 100_000 + "]"
    mistakes = parse(text.encode(), "/p").mistakes
    assert len(mistakes) == MOST_MISTAKES
    assert mistakes[-1].message.endswith("; there are more mistakes in this file")


def test_a_long_name_is_not_repeated_in_full() -> None:
    """Only its beginning is."""
    (line,) = said(f"limits.cap-add = ['{'X' * 10_000}']")
    assert len(line) < 200


def test_origins_of_the_built_in_law_are_written_like_those_of_files() -> None:
    """One key has one name, wherever it is stated."""
    for one in BUILT_IN.statements:
        value = list(one.names) if isinstance(one.value, tuple) else str(one.value).lower()
        (read,) = parse(f"{one.origin.key} = {value}".encode(), "/p").statements
        assert read.origin.key == one.origin.key
        assert read.replace(origin=one.origin) == one


def test_the_same_line_in_another_table_is_read_anew() -> None:
    """What is a word for a default may be no list for a limit."""
    line = b'cgroup-parent = "/a"'
    found = parse(b"[defaults]\n" + line + b"\n[limits]\n" + line, "/p").mistakes
    assert [(one.line, "must be a list" in one.message) for one in found] == [(4, True)]
