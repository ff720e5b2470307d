"""The reference of the policy language as a page of Markdown; made from keys and controls."""

from __future__ import annotations

from saferun.formats.policy_values import EXAMPLES
from saferun.judge.checks import CONTROLS, control
from saferun.judge.keys import KEYS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from saferun.judge.control import Case, Control
    from saferun.judge.keys import Kind

#: What each form of value is.
FORMS = {
    "switch": "`true` or `false`",
    "number": "a whole number",
    "size": 'text in docker\'s units: `"512m"`, `"1.5g"`, `"64mib"`',
    "decimal": "a number of processors: `1.5`",
    "text": "one word for docker",
    "texts": "words for docker, one use of the flag each",
    "names": "some of the words that are listed with the key; `container:*` may be any container",
    "capabilities": "names from capabilities(7), any case, with or without `CAP_`; `ALL`",
    "flags": "long names of docker run's flags",
    "globs": "names in which `*` stands for any part",
    "settings": "`NAME`, which stands for any value, or name and value; both globs",
    "ids": "`1000`, `1000-1999`, or `1000-` for that and all above",
    "images": "`[REGISTRY/]REPOSITORY[:TAG][@DIGEST]`, or an id as `sha256:…`; `*` stays between "
    "two slashes, `**` does not; without a tag all tags are meant",
    "paths": "absolute paths, each with all that is below; `*` is any part of one name",
    "volumes": "`SOURCE[:MODE,…]`: a host path with all below it, or a volume's name; MODE is "
    "`ro`, `rw`, `shared`, `slave`. In a limit no mode is `rw`, without spreading; in [[deny]] it "
    "is every mode, and what lies above the path is meant as well",
    "tmpfs": "`TARGET[:OPTION,…]`; OPTION is `exec`, `suid`, `dev`, where they may be used",
    "devices": "`PATH[:rwm]`, or a CDI name such as `vendor.com/gpu=*`",
    "rules": "rules of the device cgroup: `c 1:3 rwm`; a number may be `*`",
    "ports": "`[ADDRESS:]PORTS[/PROTOCOL]`: `8080`, `127.0.0.1:8000-8999`, `[::1]:*`, "
    "`10.0.0.0/8:53/udp`. Without an address any is meant; `0.0.0.0` and `[::]` are all at once",
    "ulimits": "`NAME=N` or `NAME=unlimited`",
    "destinations": "absolute paths of directories; `syslog`; `journald`",
}


def page() -> str:
    """Return the whole page."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# Policy reference"
    yield ""
    yield "Every key of the policy language, what its values look like, and every control with its"
    yield "rule, its sources and examples. Made by `script/generate`; [policies.md](policies.md) is"
    yield "the guide."
    yield ""
    yield "## Keys"
    yield ""
    yield "A key is docker run's long flag; `forbid`, `group`, `image`, `receipts` and"
    yield "`verify` are saferun's own. Each cell says what may be written in that table; [[allow]]"
    yield "takes what [limits] takes, and so does [[deny]], except for amounts."
    yield ""
    yield "| key | about | defaults | limits | require | controls |"
    yield "|---|---|---|---|---|---|"
    for name, key in KEYS.items():
        kinds = " | ".join(_kind(one) for one in (key.defaults, key.limits, key.require))
        controls = ", ".join(f"[{one.id}](#{one.id})" for one in _judging(name))
        yield f"| `{name}` | {key.about} | {kinds} | {controls} |"
    yield ""
    yield "## Values"
    yield ""
    yield "| form | what it looks like | for instance |"
    yield "|---|---|---|"
    for form, text in FORMS.items():
        example = f"`{EXAMPLES[form]}`" if form in EXAMPLES and form != "names" else ""
        yield f"| {form} | {text} | {example} |"
    yield ""
    yield "## Controls"
    for name, keys in CONTROLS.items():
        yield ""
        yield from _control(control(name), keys)


def _judging(key: str) -> list[Control]:
    return [control(name) for name, keys in CONTROLS.items() if key in keys]


def _kind(kind: Kind | None) -> str:
    if kind is None:
        return ""
    if kind.words and kind.form != "capabilities":
        return f"{kind.form}: " + ", ".join(f"`{word}`" for word in kind.words)
    return kind.form


def _control(found: Control, keys: tuple[str, ...]) -> Iterator[str]:
    yield f"### {found.id}"
    yield ""
    yield found.rule
    yield ""
    judged = ", ".join(f"`{key}`" for key in keys)
    yield f"Key: {judged}" if judged else "Under every law."
    yield ""
    yield "Sources: " + "; ".join(found.sources) + "."
    yield ""
    yield "| law | `saferun …` | |"
    yield "|---|---|---|"
    for case in found.passes:
        yield _case(case, "runs")
    for case in found.refuses:
        yield _case(case, "refused")


def _case(case: Case, answer: str) -> str:
    law = case.law.replace("\n", " ⏎ ").replace("|", "\\|") or "(built-in)"
    return f"| `{law}` | `{case.words}` | {answer} |"
