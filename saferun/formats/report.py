"""Decisions and verdicts as text for people and as JSON for programs."""

from __future__ import annotations

from saferun.formats.terminal import escaped, visible
from saferun.judge.capabilities import ANY, SETS, names_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from saferun.judge.decision import Decision, Masks, Violation
    from saferun.judge.policy import Origin, Statement
    from saferun.judge.spec import ContainerSpec
    from saferun.judge.verify import Verdict

#: The shape of the JSON documents; raised when a reader could be misled by a change.
SCHEMA = 1
#: Options whose values may be secrets, which are never written anywhere.
SECRET = "--env="  # noqa: S105 - the option, not a secret


def denial(decision: Decision) -> list[str]:
    """Return the lines that tell why nothing was started, every reason at once."""
    lines: list[str] = []
    reasons = _reasons(decision)
    for violation in decision.violations:
        lines.append(f"denied: {violation.reason}")
        lines.append(f"  {_details(violation)}")
        lines += [f"  {reasons[one]}" for one in violation.origins if one in reasons]
        if violation.hint:
            lines.append(f"hint: {violation.hint}")
    return [*(line for line in lines if line.strip()), "nothing was started"]


def origins(decision: Decision, key: str) -> str:
    """Return where the limits on a key are that were exceeded."""
    against = (violation.origins for violation in decision.violations if violation.key == key)
    return ", ".join(dict.fromkeys(str(one) for found in against for one in found))


def _reasons(decision: Decision) -> dict[Origin, str]:
    """Return why the rules in force are there, by where their statements are."""
    return {
        statement.origin: f"{match.effect} for {match.matched}: {match.reason}"
        for match in decision.matches
        for statement in match.statements
    }


def _details(violation: Violation) -> str:
    origins = ", ".join(str(origin) for origin in violation.origins)
    if violation.detail and origins:
        return f"{violation.detail} ({origins})"
    return violation.detail or origins


def explanation(
    spec: ContainerSpec,
    decision: Decision,
    defaults: Iterable[Statement],
    notices: Iterable[str],
    argv: Sequence[str],
) -> list[str]:
    """Return the decision for a person: who, what was decided and why, and the docker command."""
    lines = [f"user: {visible(spec.user) or '(none: root)'}, {who(spec)}"]
    lines += [
        f"default: --{default.key}={value(default.value)} ({default.origin})"
        for default in defaults
    ]
    lines += [f"notice: {notice}" for notice in notices]
    lines += [
        f"rule in force: {match.effect} for {match.matched}: {match.reason} ({match.origin})"
        for match in decision.matches
    ]
    if not decision.allowed:
        return [*lines, *denial(decision)]
    for obligation in decision.obligations:
        origins = ", ".join(str(origin) for origin in obligation.origins)
        lines.append(
            f"added: --{obligation.flag}={obligation.value}: {obligation.reason} ({origins})"
        )
    lines += [
        f"may hold, as uid 0: {_mask(decision.masks.root)}",
        f"may hold, as any other uid: {_mask(decision.masks.other)}",
        *(["must have: no-new-privileges"] if decision.masks.no_new_privileges else []),
        "allowed: this would run",
        quoted(argv),
    ]
    return lines


def document(
    spec: ContainerSpec,
    decision: Decision,
    defaults: Iterable[Statement],
    notices: Iterable[str],
    argv: Sequence[str],
) -> dict[str, Any]:
    """Return the same as data for JSON; `argv` is empty when nothing would run."""
    return {
        "schema": SCHEMA,
        "decision": "allowed" if decision.allowed else "denied",
        "user": {"asked": spec.user, "uid": spec.uid, "root": spec.whom == "root"},
        "violations": [
            {
                "check": violation.check,
                "reason": violation.reason,
                "detail": violation.detail,
                "hint": violation.hint,
                "origins": origin_documents(violation.origins),
            }
            for violation in decision.violations
        ],
        "obligations": [
            {
                "check": obligation.check,
                "flag": obligation.flag,
                "value": obligation.value,
                "reason": obligation.reason,
                "origins": origin_documents(obligation.origins),
            }
            for obligation in decision.obligations
        ],
        "defaults": [
            {
                "flag": default.key,
                "value": list(default.value) if isinstance(default.value, tuple) else default.value,
                "origins": origin_documents((default.origin,)),
            }
            for default in defaults
        ],
        "notices": list(notices),
        "rules": [
            {
                "effect": match.effect,
                "matched": match.matched,
                "reason": match.reason,
                "origins": origin_documents((match.origin,)),
            }
            for match in decision.matches
        ],
        "masks": _masks(decision.masks) if decision.allowed else None,
        "argv": shown(argv),
    }


def verdict_document(verdict: Verdict) -> dict[str, Any]:
    """Return a verdict and its evidence as data for JSON."""
    return {
        "outcome": verdict.outcome,
        "reasons": list(verdict.reasons),
        "evidence": [
            {
                "pid": process.pid,
                "uids": list(process.uids),
                "no_new_privileges": process.no_new_privileges,
                "seccomp": process.seccomp,
                "user_namespace": process.mapped,
                **{name: f"{held:016x}" for name, held in zip(SETS, process.sets, strict=True)},
            }
            for process in verdict.evidence
        ],
    }


def value(value: object) -> str:
    """Return a value of the law in words: the items of a list with commas."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def withheld(word: str) -> str:
    """Return a word of a canonical command line, the value of an environment variable hidden."""
    if not word.startswith(SECRET) or "=" not in word.removeprefix(SECRET):
        return word
    return f"{SECRET}{word.removeprefix(SECRET).partition('=')[0]}=***"


def shown(argv: Sequence[str]) -> list[str]:
    """Return a docker command line with its secrets withheld; what follows `--` has no options."""
    end = argv.index("--") if "--" in argv else len(argv)
    return [*(withheld(word) for word in argv[:end]), *argv[end:]]


def quoted(argv: Sequence[str]) -> str:
    """Return a command line as a shell would take it, on one line, secrets withheld."""
    import shlex  # only for people who want to read it

    return " ".join(
        shlex.quote(word) if word.isprintable() else f"$'{escaped(word)}'" for word in shown(argv)
    )


def who(spec: ContainerSpec) -> str:
    """Return who the container's user is for the kernel, and which tables that means."""
    if spec.uid is None:
        return "whose uid cannot be told beforehand: treated as not root"
    return f"uid {spec.uid}: {'root' if spec.whom == 'root' else 'not root'}"


def _mask(mask: int) -> str:
    if mask == ANY:
        return "anything (no law speaks of it)"
    return " ".join(names_of(mask)) or "nothing"


def _masks(masks: Masks) -> dict[str, Any]:
    return {
        "root": f"{masks.root:016x}",
        "other": f"{masks.other:016x}",
        "no_new_privileges": masks.no_new_privileges,
    }


def origin_documents(origins: Iterable[Origin]) -> list[dict[str, Any]]:
    """Return where statements are as data for JSON."""
    return [{"source": origin.source, "line": origin.line, "key": origin.key} for origin in origins]
