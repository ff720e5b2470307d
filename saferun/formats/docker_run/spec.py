"""RunCommand to ContainerSpec: what the engine will make of a docker run command line."""

from __future__ import annotations

from saferun.formats.docker_run.mounts import mounts
from saferun.judge.capabilities import canonical
from saferun.judge.rules import Image
from saferun.judge.spec import ContainerSpec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from saferun.formats.docker_run.command import RunCommand
    from saferun.formats.engine_api import ImageFacts
    from saferun.formats.facts import Facts
    from saferun.judge.spec import Mount


#: Flags whose values are amounts.
RESOURCES = frozenset(
    (
        *("memory", "memory-swap", "cpus", "cpu-quota", "cpu-period", "pids-limit", "shm-size"),
        *("ulimit", "oom-score-adj", "restart"),
    )
)
#: Flags about what is shared with the host or others, and about how it is confined.
SHARED = frozenset(("pid", "ipc", "uts", "userns", "cgroupns", "network", "security-opt"))


def user(command: RunCommand, image: ImageFacts) -> str:
    """Return the user that the engine would record: the last `-u`, the image's if it is empty."""
    return command.last("user") or image.user


def pull(command: RunCommand) -> str:
    """Return when docker pulls the image; `--pull=` never does (docker/cli createContainer)."""
    said = command.last("pull")
    return "missing" if said is None else said or "never"


def to_spec(command: RunCommand, facts: Facts) -> ContainerSpec:
    """Return what is asked for, as far as it is known."""
    given = frozenset(name for name, _ in command.options)
    fields: dict[str, Any] = {"sysctls": _last(command.all("sysctl"), "/", ".")}
    # Most command lines say nothing of most of this, and reading it takes modules of its own.
    if not given.isdisjoint(RESOURCES):
        from saferun.formats.docker_run.resources import amounts

        fields |= amounts(command)
    if "publish" in given or "publish-all" in given:
        from saferun.formats.docker_run.ports import ports

        fields["ports"] = ports(command, facts.image.exposed)
    if "device" in given or "gpus" in given:
        from saferun.formats.docker_run.devices import devices

        fields["devices"] = devices(command, facts)
    if facts.engine is not None or not given.isdisjoint(SHARED):
        fields |= _shared(command, facts)
        fields["sysctls"] += fields.pop("network_sysctls")
    mounted = mounts(command, facts)
    return ContainerSpec(
        user=user(command, facts.image),
        uid=facts.uid,
        gid=facts.gid,
        groups=facts.groups,
        cap_add=tuple(canonical(name) for name in command.all("cap-add")),
        cap_drop=tuple(canonical(name) for name in command.all("cap-drop")),
        privileged=command.is_true("privileged"),
        read_only=None if command.last("read-only") is None else command.is_true("read-only"),
        mounts=mounted,
        mounted_images=tuple(_of_image(one, facts) for one in mounted if one.kind == "image"),
        volume_driver=command.last("volume-driver") or "",
        volumes_from=tuple(value.partition(":")[0] for value in command.all("volumes-from")),
        use_api_socket=command.is_true("use-api-socket"),
        sockets=facts.sockets,
        device_rules=command.all("device-cgroup-rule"),
        gpus="gpus" in given,
        publish_all=command.is_true("publish-all"),
        oom_kill_disable=command.is_true("oom-kill-disable"),
        cgroup_parent=command.last("cgroup-parent") or "",
        runtime=command.last("runtime") or (facts.engine.runtime if facts.engine else None),
        log_driver=command.last("log-driver")
        or (facts.engine.log_driver if facts.engine else None),
        log_opts=_last(command.all("log-opt")),
        add_hosts=tuple(_host(value) for value in command.all("add-host")),
        annotations=_last(command.all("annotation")),
        health_check=_has_health_check(command, facts.image),
        pull=pull(command),
        platform=command.last("platform") or _platform(facts.image),
        flags=tuple(dict.fromkeys(name for name, _ in command.options)),
        verify=dict(command.own).get("verify", "on"),
        **_image(command, facts.image),
        **fields,
    )


def _shared(command: RunCommand, facts: Facts) -> dict[str, Any]:
    """Return what is shared with the host or with others, and how it is confined."""
    from saferun.formats.docker_run import networks, security_options

    privileged = command.is_true("privileged")
    options = security_options.with_engine_defaults(
        security_options.canonical(command.verbatim("security-opt"), facts.profiles), facts
    )
    of_the_host = networks.HOST in (command.last("pid"), command.last("ipc"))
    options = security_options.without_implied(options, implied=privileged or of_the_host)
    return {
        "pid": networks.pid(command.last("pid") or "", facts),
        "ipc": networks.ipc(command.last("ipc") or "", facts),
        "uts": (command.last("uts") or networks.PRIVATE,),
        "userns": (command.last("userns") or networks.PRIVATE,),
        "cgroupns": networks.cgroupns(command.last("cgroupns") or "", facts, privileged=privileged),
        "networks": networks.networks(command, facts),
        "network_sysctls": tuple(
            one for value in command.all("network") for one in networks.sysctls(value)
        ),
        "security_opt": options,
        "seccomp": security_options.is_filtered(options, facts, privileged=privileged),
    }


def _image(command: RunCommand, image: ImageFacts) -> dict[str, Any]:
    from saferun.formats import image_reference

    found = image_reference.names(command.image, image)
    tag = image_reference.tag_of(command.image, found)
    return {"image": found, "pinned": not tag, "tag": tag}


def _of_image(mount: Mount, facts: Facts) -> tuple[str, Image]:
    """Return how an image that is mounted was asked for, and what the engine has it under."""
    from saferun.formats import image_reference

    its = facts.images.get(mount.source)
    return mount.asked, image_reference.names(mount.source, its) if its else Image()


def _last(values: tuple[str, ...], old: str = "", new: str = "") -> tuple[tuple[str, str], ...]:
    """Return each `NAME=VALUE`, the last one of each name, with a letter of the name replaced."""
    pairs = (value.partition("=") for value in values)
    return tuple({name.replace(old, new): value for name, _, value in pairs}.items())


def _host(value: str) -> tuple[str, str]:
    """Return name and address of an --add-host: `NAME:ADDRESS`, or `NAME=ADDRESS` (docker 25)."""
    separator = "=" if "=" in value else ":"
    name, _, address = value.partition(separator)
    return name, address.removeprefix("[").removesuffix("]")


def _has_health_check(command: RunCommand, image: ImageFacts) -> bool:
    if command.is_true("no-healthcheck"):
        return False
    return bool(command.last("health-cmd")) or image.health_check


def _platform(image: ImageFacts) -> str:
    return "/".join(part for part in (image.os, image.architecture, image.variant) if part)
