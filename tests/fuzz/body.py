"""Bodies: what engines answer and what is asked of them, read as JSON and held against the law.

An input is the bytes of one body, which every reader of bodies gets.
"""

from __future__ import annotations

import json
from posixpath import normpath
from typing import TYPE_CHECKING, Any

from saferun.formats import (
    container_body,
    container_log,
    create_body,
    engine_activity,
    engine_api,
    gate_record,
    json_text,
    seccomp_profile,
)
from saferun.judge.capabilities import canonical
from saferun.judge.checks.gate_mount import VOLUMES
from saferun.judge.evaluate import evaluate
from saferun.judge.policy import BUILT_IN
from saferun.judge.record import Record
from tests.formats.test_container_body import FACTS
from tests.fuzz import mutating

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from random import Random

    from saferun.judge.spec import ContainerSpec

#: Readers of one answer each.
ANSWERS: tuple[Callable[[bytes], object], ...] = (
    engine_api.image_facts,
    engine_api.volume_facts,
    engine_api.container_record,
    engine_api.container_facts,
    engine_api.network_facts,
    engine_api.engine_facts,
    engine_api.engine_version,
    engine_api.engine_identity,
    engine_activity.surroundings,
    engine_activity.listed,
    engine_activity.recorded,
    engine_activity.executed,
    engine_activity.event,
)
#: Types of fields, by how they are annotated.
PLAIN = {"str": str, "int": int, "bool": bool}


class Pairs(list[tuple[str, Any]]):
    """An object of JSON with all that stands in it, also what stands there twice."""


def run(data: bytes) -> None:
    """Hold one body against what must be true of all."""
    try:
        document = json.loads(data.decode())
    except (ValueError, RecursionError):
        document = None
        assert read(json_text.decode, data) is None
    else:
        # By its text, because NaN is not equal to itself.
        assert repr(read(json_text.decode, data)) == repr(document)
    engine_api.error_message(data)
    seccomp_profile.identity(data)
    for tty in (False, True):
        line = container_log.gate_line(data, tty=tty)
        assert line is None or b"saferun: " in data
    found = {reader: read(reader, data) for reader in ANSWERS}
    for one in found.values():
        typed(one)
    if isinstance(document, dict):
        answered(document, found)
        recorded(found[engine_activity.recorded])
    asked(data)


def read(reader: Callable[[bytes], object], data: bytes) -> object | None:
    """Return what a reader makes of a body, None when it says that it is none."""
    try:
        return reader(data)
    except ValueError:
        return None


def typed(value: object) -> None:
    """Nothing is what it is not said to be: no number is a text, no switch a number."""
    if not isinstance(value, Record):
        return
    annotations = {
        name: text
        for cls in type(value).__mro__
        for name, text in vars(cls).get("__annotations__", {}).items()
    }
    for name, content in vars(value).items():
        annotation = annotations[name]
        if annotation in PLAIN:
            assert type(content) is PLAIN[annotation], name
        elif annotation == "tuple[str, ...]":
            assert all(type(one) is str for one in content), name


def answered(document: dict[str, Any], found: dict[Callable[[bytes], object], Any]) -> None:
    """What an engine did not say, or said of the wrong type, is not taken for said."""
    config, host = document.get("Config"), document.get("HostConfig")
    image = found[engine_api.image_facts]
    if image is not None:
        assert image.user == ((config or {}).get("User") or "")
        assert image.user or (config or {}).get("User") in (None, "")
    record = found[engine_api.container_record]
    if record is not None and config is not None and host is not None:
        assert set(record.cap_drop) == set(map(canonical, listed(host.get("CapDrop"))))
        assert set(record.cap_add) == set(map(canonical, listed(host.get("CapAdd"))))
        assert record.privileged == (host.get("Privileged") is True)
        assert record.privileged or host.get("Privileged") in (None, False)
        assert record.user or config.get("User") in (None, "")
        assert record.pid == document["State"]["Pid"]
    container = found[engine_api.container_facts]
    if container is not None:
        for mount, its in zip(container.mounts, document.get("Mounts") or (), strict=True):
            assert mount.writable == (its.get("RW") is not False)
        for field, name in (("pid", "PidMode"), ("ipc", "IpcMode"), ("network", "NetworkMode")):
            assert getattr(container, field) or (host or {}).get(name) in (None, "")
    engine = found[engine_api.engine_facts]
    if engine is not None:
        options = [one.removeprefix("name=") for one in listed(document.get("SecurityOptions"))]
        named = {one.partition(",")[0] for one in options}
        assert engine.no_new_privileges == ("no-new-privileges" in named)
        assert engine.userns == (not named.isdisjoint(("userns", "rootless")))
        assert not engine.seccomp or any(f"profile={engine.seccomp}" in one for one in options)
    executed = found[engine_activity.executed]
    if executed is not None:
        assert executed.pid in (0, document.get("Pid"))
        assert not executed.pid or document.get("Running") is True
        process = document.get("ProcessConfig") or {}
        assert executed.privileged == (process.get("privileged") is True)


def recorded(record: Any) -> None:  # noqa: ANN401 - whatever was read
    """To look past the gate takes away the gate, and nothing else."""
    if record is None:
        return
    try:
        body, there = gate_record.without_gate(record)
    except ValueError:
        return
    if not there:
        assert body is record.body
        return
    assert record.cmd[3] == "--"
    before, after = record.body.get("HostConfig") or {}, body["HostConfig"]
    assert {**before, "Mounts": 0} == {**after, "Mounts": 0}
    assert len(after["Mounts"]) >= len(before.get("Mounts") or ()) - 1


def asked(data: bytes) -> None:
    """Whatever a body asks for, in whichever way Go reads it, is judged; or the body is refused."""
    try:
        bodies = create_body.read(data)
    except ValueError:
        return
    written = json.loads(data, object_pairs_hook=Pairs)
    for body, pairs in zip(
        bodies, [written] if isinstance(written, Pairs) else written, strict=True
    ):
        list(create_body.unknown(body))
        try:
            container_body.image_of(body)
            spec = container_body.to_spec(body, FACTS)
        except ValueError:
            continue
        nothing_is_lost(spec, pairs, inspect=container_body.is_inspect(body))


def nothing_is_lost(spec: ContainerSpec, body: Pairs, *, inspect: bool) -> None:
    """What would give a container more is in what is judged; what would take from it was said."""
    reached(spec, body)

    def host(name: str) -> list[Any]:
        return said(body, "hostconfig", name)

    def texts(name: str) -> list[str]:
        return [text for value in host(name) for text in listed(value)]

    # An empty text is a list of one that says nothing.
    assert set(spec.cap_add) - {""} == set(map(canonical, texts("capadd"))) - {""}
    assert set(spec.cap_drop) - {""} == set(map(canonical, texts("capdrop"))) - {""}
    assert spec.privileged == (True in host("privileged"))
    assert not spec.read_only or True in host("readonlyrootfs")
    assert spec.oom_kill_disable == (True in host("oomkilldisable"))
    for user in said(body, *(("config",) if inspect else ()), "user"):
        assert not user or spec.user == user
    for name, words in (
        ("pidmode", spec.pid),
        ("ipcmode", spec.ipc),
        ("utsmode", spec.uts),
        ("usernsmode", spec.userns),
        ("cgroupnsmode", spec.cgroupns),
        ("networkmode", spec.networks),
    ):
        assert "host" not in host(name) or "host" in words
    assert set(texts("devicecgrouprules")) <= set(spec.device_rules)
    assert {name.partition(":")[0] for name in texts("volumesfrom")} <= set(spec.volumes_from)
    for sysctls in host("sysctls"):
        names = {name.replace("/", ".") for name, _ in sysctls or ()}
        assert names <= {name for name, _ in spec.sysctls}
    decision = evaluate(spec, (BUILT_IN,))
    assert spec.whom == "nonroot"
    if decision.allowed and not decision.obligations:
        assert "ALL" in spec.cap_drop
        assert not spec.cap_add
        assert not spec.privileged
    assert not decision.allowed or not (decision.masks.root | decision.masks.other)


def reached(spec: ContainerSpec, body: Pairs) -> None:
    """What of the host would be in the container is in what is judged."""

    def host(name: str) -> list[Any]:
        return said(body, "hostconfig", name)

    mounted = {mount.asked for mount in spec.mounts}
    for bind in (text for value in host("binds") for text in listed(value)):
        assert f"--volume={bind}" in mounted or bind.startswith(VOLUMES)
    for mount in (one for value in host("mounts") for one in value or ()):
        if said(mount or Pairs(), "type") == ["bind"] and said(mount, "source") == ["/"]:
            assert any((one.kind, one.source) == ("bind", "/") for one in spec.mounts)
    devices = [one for value in host("devices") for one in value or ()]
    assert bool(devices) <= bool(spec.devices)
    for path in (path for one in devices for path in said(one, "pathonhost") if path):
        # The engine walks it as it is written: what is relative, or goes up, could be anything.
        walked = path.startswith("/") and ".." not in path.split("/")
        named = normpath("/" + path.lstrip("/")) if walked else "/"
        assert named in {one.path for one in spec.devices}


def said(value: Any, *names: str) -> list[Any]:  # noqa: ANN401 - JSON
    """Return every value that Go might take for a field: it does not look at the case of names."""
    found = [value]
    for name in names:
        found = [inner for one in found for key, inner in parts(one) if key.casefold() == name]
    return found


def parts(value: object) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Pairs):
        yield from value


def listed(value: Any) -> list[Any]:  # noqa: ANN401 - JSON
    """Return a list; engines take a text alone for a list of it."""
    return [value] if isinstance(value, str) and value else list(value or ())


def _names(fields: Mapping[str, Any]) -> Iterator[str]:
    for name, inner in fields.items():
        yield name
        yield from _names(inner or {})


#: The fields of bodies.
NAMES = tuple(dict.fromkeys(_names(create_body.BODY)))
#: What bodies are made of.
WORDS = (
    *(f'"{name}":' for name in NAMES),
    *('"Id":', '"Name":', '"State":{', '"Pid":', '"Running":true', '"ProcessConfig":{', '"Type":'),
    *('"privileged":', '"SecurityOptions":[', '"Runtimes":{', '"Driver":', '"RepoTags":['),
    *('"Action":', '"Actor":{', '"Attributes":{', '"RW":false', '"Destination":', '"Version":'),
    *('{"', '":{', '":["', '"]', "null", "true", "false", "0", "1.5", '"ALL"', '"host"', '"bind"'),
    *('"/:/x"', '"container:etc"', '"name=no-new-privileges"', '"name=seccomp,profile=default"'),
    *('"saferun-gate-0123456789ab"', '"/.saferun/5ec2e7"', '"/.saferun/5ec2e7/gate-amd64"'),
    *('"0000000000000000"', '"--"', "\u017f", "\\u017f", "saferun: exec "),
)


def mutated(data: bytes, random: Random) -> bytes:
    """Change an input so that it is likely to be another."""
    return mutating.values(data, NAMES, random)
