"""The law that saferun would judge by here: which files there are, and who may write them."""

from __future__ import annotations

from saferun import laws
from saferun.errors import PolicyError
from saferun.host import policy_files
from saferun.judge.diagnosis import failed, passed, unclear

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from saferun.host.policy_files import PolicyFile
    from saferun.judge.diagnosis import Line

NO_CEILING = (
    f"no policy in {policy_files.SYSTEM_DIRECTORY}, so there is no ceiling: users' own policies "
    "may replace the built-in law"
)
#: Who may write the files of a layer, when reading them has raised no objection.
WRITERS = {
    "system": "the system's and every directory above: by root alone",
    "user": "the user's own and every directory above: by that user and root",
    "explicit": "those that were named: by nobody outside their owner's group",
}


def check(named: Iterable[str], environ: Mapping[str, str]) -> list[Line]:
    """Return the lines about the policy files that a run with these would read."""
    return judge(*policy_files.read_layers(named, environ))


def judge(files: Sequence[PolicyFile], errors: Sequence[PolicyError]) -> list[Line]:
    """Judge what was read, and what kept the rest from being read."""
    ceiling = [path for layer, path, _ in files if layer == "system"]
    said = ", ".join(f"{path} ({layer})" for layer, path, _ in files)
    if errors:
        lines = [unclear("policy.files", f"those that could be read: {said or 'none'}")]
    else:
        lines = [passed("policy.files", said or "none: the built-in law alone holds")]
    if ceiling:
        lines.append(passed("policy.system", f"the ceiling for everybody: {', '.join(ceiling)}"))
    elif errors:
        lines.append(unclear("policy.system", "not all policy files could be read"))
    else:
        lines.append(passed("policy.system", NO_CEILING))
    if errors:
        lines += [failed("policy.trust", str(one), "; ".join(one.hints)) for one in errors]
        lines.append(unclear("policy.valid", "half a law is no law: not all of it could be read"))
        return lines
    lines.append(passed("policy.trust", _writers(files)))
    try:
        laws.of_files(files)
    except PolicyError as error:
        advice = "; ".join(error.hints) or "correct it: saferunctl policy check FILE"
        # Below each mistake stands its line in the file, indented: `policy check` shows that.
        mistakes = [line for line in str(error).split("\n") if not line.startswith(" ")]
        lines += [failed("policy.valid", line, advice) for line in mistakes]
    else:
        lines.append(passed("policy.valid", "every file is understood"))
    return lines


def _writers(files: Iterable[PolicyFile]) -> str:
    """Say what was found out about each kind of file by reading it at all."""
    layers = dict.fromkeys(layer for layer, _, _ in files)
    return "; ".join(WRITERS[layer] for layer in layers) or "there is no file to be written"
