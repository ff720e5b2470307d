"""Each control's rule, as a table of what passes and what does not."""

from __future__ import annotations

import pytest

from saferun.judge.capabilities import NAMES
from saferun.judge.checks import CHECKS
from saferun.judge.checks.cap_add import cap_add
from saferun.judge.checks.cap_drop import cap_drop
from saferun.judge.checks.gate_mount import gate_mount
from saferun.judge.checks.no_new_privileges import asked, no_new_privileges
from saferun.judge.checks.privileged import privileged
from saferun.judge.checks.read_only import read_only
from saferun.judge.checks.verification import verification
from saferun.judge.decision import Obligation, Violation
from saferun.judge.policy import BUILT_IN, Layer, Origin, Statement
from saferun.judge.spec import ContainerSpec

ROOT = ContainerSpec(user="0", uid=0)
APP = ContainerSpec(user="app", uid=3267)
UNKNOWN = ContainerSpec(user="who", uid=None)
NNP = "no-new-privileges"


def law(*statements: tuple[str, str, str, object], built_in: bool = True) -> tuple[Layer, ...]:
    """Return the built-in layer and one file that says these (verb, whom, key, value)."""
    made = tuple(
        Statement(verb, whom, key, value, Origin("p.toml", line, f"{whom}.{verb}.{key}"))  # type: ignore[arg-type]
        for line, (verb, whom, key, value) in enumerate(statements, 1)
    )
    return (*([BUILT_IN] if built_in else []), Layer("system", made))


REQUIRE_DROP = ("require", "any", "cap-drop", ("ALL",))
REQUIRE_NNP = ("require", "any", "security-opt", (NNP,))
REQUIRE_READ_ONLY = ("require", "any", "read-only", True)
NO_PRIVILEGED = ("limits", "any", "privileged", False)
PRIVILEGED = ("limits", "nonroot", "privileged", True)


def grant(*names: str, whom: str = "nonroot") -> tuple[str, str, str, object]:
    """A limit on cap-add."""
    return ("limits", whom, "cap-add", names)


def only(check: object, spec: ContainerSpec, layers: tuple[Layer, ...]) -> str:
    """Return what one check says: nothing, `no`, or the option that it adds."""
    findings = list(check(spec, layers))  # type: ignore[operator]
    assert len(findings) <= 1 or all(isinstance(one, Violation) for one in findings)
    for finding in findings:
        assert finding.reason
        if isinstance(finding, Obligation):
            return f"--{finding.flag}={finding.value}"
    return "no" if findings else ""


@pytest.mark.parametrize(
    ("spec", "layers", "said"),
    [
        (APP, law(), ""),
        (APP.replace(cap_add=("NET_RAW",)), law(), "no"),
        (UNKNOWN.replace(cap_add=("NET_RAW",)), law(), "no"),
        (ROOT.replace(cap_add=("NET_RAW",)), law(), ""),
        (ROOT.replace(cap_add=("ALL", "NONSENSE")), law(), ""),
        (APP.replace(cap_add=("NET_RAW",)), law(grant("NET_RAW")), ""),
        (APP.replace(cap_add=("NET_RAW", "NET_RAW")), law(grant("NET_RAW", "KILL")), ""),
        (APP.replace(cap_add=("NET_RAW", "KILL")), law(grant("NET_RAW")), "no"),
        (APP.replace(cap_add=("CHOWN",)), law(grant("ALL")), ""),
        (APP.replace(cap_add=("NONSENSE",)), law(grant("ALL")), "no"),
        (APP.replace(cap_add=("CAP_ALL",)), law(grant("ALL")), "no"),
        (APP.replace(cap_add=("CHOWN",)), law(grant("CHOWN"), grant("KILL")), "no"),
        (APP.replace(cap_add=("CHOWN",)), law(grant("CHOWN", whom="any")), "no"),
        (APP.replace(cap_add=("CHOWN",)), law(grant("CHOWN"), grant("KILL", whom="any")), "no"),
        (APP.replace(cap_add=("CHOWN",)), law(grant("CHOWN", whom="root")), "no"),
        (ROOT.replace(cap_add=("CHOWN",)), law(grant("KILL", whom="any")), "no"),
        (ROOT.replace(cap_add=("KILL",)), law(grant("KILL", whom="any")), ""),
        (ROOT.replace(cap_add=("ALL",)), law(grant("KILL", whom="root")), "no"),
        (ROOT.replace(cap_add=("ALL",)), law(grant("ALL", whom="root")), ""),
        (ROOT.replace(cap_add=("ALL",)), law(grant(*NAMES, whom="root")), ""),
    ],
)
def test_cap_add(spec: ContainerSpec, layers: tuple[Layer, ...], said: str) -> None:
    """Only what every statement in force names."""
    assert only(cap_add, spec, layers) == said


@pytest.mark.parametrize(
    ("spec", "layers", "said"),
    [
        (APP, law(), "--cap-drop=ALL"),
        (UNKNOWN, law(), "--cap-drop=ALL"),
        (APP.replace(cap_drop=("CHOWN",)), law(), "--cap-drop=ALL"),
        (APP.replace(cap_drop=("CHOWN", "ALL")), law(), ""),
        (ROOT, law(), ""),
        (ROOT.replace(privileged=True, cap_add=("ALL",)), law(), ""),
        (ROOT, law(REQUIRE_DROP), "--cap-drop=ALL"),
        (ROOT.replace(cap_drop=("ALL",), cap_add=("ALL",)), law(REQUIRE_DROP), "no"),
        (ROOT.replace(cap_drop=("ALL",), privileged=True), law(REQUIRE_DROP), "no"),
        (APP.replace(cap_drop=("ALL",), cap_add=("ALL",)), law(grant("ALL")), "no"),
        (APP.replace(cap_drop=("ALL",), privileged=True), law(PRIVILEGED), "no"),
        (APP.replace(cap_drop=("ALL",), cap_add=("CHOWN",)), law(grant("ALL")), ""),
    ],
)
def test_cap_drop(spec: ContainerSpec, layers: tuple[Layer, ...], said: str) -> None:
    """ALL is dropped, and nothing that cancels it gets by, whatever the limits say."""
    assert only(cap_drop, spec, layers) == said


@pytest.mark.parametrize(
    ("spec", "layers", "said"),
    [
        (APP, law(), ""),
        (APP.replace(privileged=True), law(), "no"),
        (UNKNOWN.replace(privileged=True), law(), "no"),
        (ROOT.replace(privileged=True), law(), ""),
        (ROOT.replace(privileged=True), law(NO_PRIVILEGED), "no"),
        (ROOT.replace(privileged=True), law(("limits", "root", "privileged", False)), "no"),
        (ROOT.replace(privileged=True), law(("limits", "any", "privileged", True)), ""),
        (APP.replace(privileged=True), law(("limits", "any", "privileged", True)), "no"),
        (APP.replace(privileged=True), law(PRIVILEGED), ""),
        (APP.replace(privileged=True), law(PRIVILEGED, NO_PRIVILEGED), "no"),
    ],
)
def test_privileged(spec: ContainerSpec, layers: tuple[Layer, ...], said: str) -> None:
    """Where any statement says false."""
    assert only(privileged, spec, layers) == said


@pytest.mark.parametrize(
    ("options", "answer"),
    [
        ((), None),
        (("seccomp=unconfined",), None),
        ((NNP,), True),
        ((f"{NNP}=true",), True),
        ((f"{NNP}:true",), True),
        ((f"{NNP}=1",), True),
        ((f"{NNP}=T",), True),
        ((f"{NNP}=false",), False),
        ((f"{NNP}:false",), False),
        ((f"{NNP}=0",), False),
        # What the engine refuses counts as off.
        ((f"{NNP}=",), False),
        ((f"{NNP}=yes",), False),
        ((f"{NNP}=true ",), False),
        ((f"{NNP}:true=x",), None),
        ((f" {NNP}",), None),
        (("No-New-Privileges",), None),
        (("label=no-new-privileges",), None),
        ((NNP, f"{NNP}=false"), False),
        ((f"{NNP}=false", NNP), True),
        ((NNP, "seccomp=x"), True),
    ],
)
def test_no_new_privileges_as_the_engine_reads_it(
    *, options: tuple[str, ...], answer: bool | None
) -> None:
    """With either separator, the last one winning."""
    assert asked(options) is answer
    spec = APP.replace(security_opt=options)
    expected = {None: f"--security-opt={NNP}", True: "", False: "no"}[answer]
    assert only(no_new_privileges, spec, law(REQUIRE_NNP)) == expected
    assert only(no_new_privileges, spec, law()) == ""


@pytest.mark.parametrize(("given", "said"), [(None, "--read-only=true"), (True, ""), (False, "no")])
def test_read_only(*, given: bool | None, said: str) -> None:
    """Added where nothing was said, refused where it was turned off."""
    assert only(read_only, APP.replace(read_only=given), law(REQUIRE_READ_ONLY)) == said
    assert only(read_only, APP.replace(read_only=given), law()) == ""
    only_root = law(("require", "root", "read-only", True))
    assert only(read_only, APP.replace(read_only=given), only_root) == ""
    assert only(read_only, ROOT.replace(read_only=given), only_root) == said


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("/data", ""),
        ("/", ""),
        ("/.saferunner", ""),
        ("/data/.saferun", ""),
        ("/.SAFERUN", ""),
        ("/.saferun", "no"),
        ("/.saferun/gate-amd64", "no"),
        ("/.saferun/a/b", "no"),
        (None, "no"),
    ],
)
@pytest.mark.parametrize("who", [ROOT, APP])
def test_gate_mount(who: ContainerSpec, target: str | None, said: str) -> None:
    """Nothing at or under the gate's directory, and nothing that may be."""
    assert only(gate_mount, who.replace(mount_targets=("/tmp", target)), law()) == said


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("data", ""),
        ("/saferun-gate-x", ""),
        ("saferun-gate", ""),
        ("saferun-gate-0123456789ab", "no"),
    ],
)
@pytest.mark.parametrize("who", [ROOT, APP])
def test_the_gates_volume_is_not_for_others(who: ContainerSpec, source: str, said: str) -> None:
    """Whoever could write to it could replace the gate of every container."""
    assert only(gate_mount, who.replace(mount_sources=("/tmp", source)), law()) == said


@pytest.mark.parametrize(
    ("mode", "layers", "said"),
    [
        ("on", law(), ""),
        ("off", law(), "no"),
        ("off", law(("limits", "any", "verify", ("on", "off"))), ""),
        ("off", law(("limits", "nonroot", "verify", ("on", "off"))), "no"),
        ("on", law(("limits", "any", "verify", ("off",))), "no"),
        ("nonsense", law(), "no"),
        ("off", law(built_in=False), ""),
    ],
)
def test_verification(mode: str, layers: tuple[Layer, ...], said: str) -> None:
    """Only modes that the law names."""
    assert only(verification, APP.replace(verify=mode), layers) == said


def test_every_refusal_names_whoever_forbids_it() -> None:
    """And says what could be done, in lower case and without a full stop."""
    layers = law(
        *(grant("KILL"), grant("KILL", whom="any"), NO_PRIVILEGED, REQUIRE_DROP),
        *(REQUIRE_NNP, REQUIRE_READ_ONLY, ("limits", "any", "verify", ("on",))),
    )
    spec = APP.replace(
        cap_add=("SYS_ADMIN", "ALL"),
        privileged=True,
        read_only=False,
        security_opt=(f"{NNP}=false",),
        mount_targets=("/.saferun", None),
        verify="off",
    )
    findings = [finding for check in CHECKS for finding in check(spec, layers)]
    violations = [finding for finding in findings if isinstance(finding, Violation)]
    assert {one.check for one in violations} == {
        *("cap-add", "cap-drop", "privileged", NNP, "read-only", "gate-mount", "verify")
    }
    for one in violations:
        assert one.hint
        assert not one.reason.endswith(".")
        assert one.check == "gate-mount" or any(
            origin.source == "p.toml" and origin.line for origin in one.origins
        )


def test_a_refused_capability_names_only_the_statements_that_lack_it() -> None:
    """A statement that would allow it is not to blame."""
    layers = law(grant("NET_RAW", "KILL"), grant("KILL", whom="any"))
    [violation] = cap_add(APP.replace(cap_add=("NET_RAW",)), layers)
    assert [origin.line for origin in violation.origins] == [2]
