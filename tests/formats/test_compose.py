"""Services of a rendered Compose model become the bodies that Compose would create."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saferun.formats import compose, container_body
from saferun.formats.engine_api import ImageFacts
from saferun.formats.facts import Facts
from saferun.judge.spec import UNLIMITED, ContainerSpec, Device, Mount, Port

IMAGE = ImageFacts("sha256:1", "linux", "amd64")
BIND = {"type": "none", "o": "bind", "device": "/etc"}
TOP: dict[str, Any] = {
    "name": "shop",
    "networks": {"default": {"name": "shop_default"}, "out": {"name": "host", "external": True}},
    "volumes": {
        "data": {"name": "shop_data"},
        "etc": {"name": "shop_etc", "driver_opts": BIND},
        "theirs": {"name": "theirs", "external": True, "driver_opts": BIND},
    },
    "secrets": {"key": {"name": "shop_key", "file": "/srv/key"}},
}


def model(service: dict[str, Any], **others: dict[str, Any]) -> dict[str, Any]:
    """Return a model with this service, called web, and others."""
    return {**TOP, "services": {"web": {"image": "img", **service}, **others}}


def asked(service: dict[str, Any], **others: dict[str, Any]) -> ContainerSpec:
    """Read a service's body."""
    one = compose.services(model(service, **others), {"p.json": b"{}"})[0]
    return container_body.to_spec(one.body, Facts(IMAGE, containers=one.siblings))


@pytest.mark.parametrize(
    ("service", "field", "value"),
    [
        ({"user": "3267:3267"}, "user", "3267:3267"),
        ({"cap_add": ["CHOWN"], "cap_drop": ["ALL"]}, "cap_drop", ("ALL",)),
        ({"privileged": True}, "privileged", True),
        ({"read_only": True}, "read_only", True),
        ({}, "networks", ("shop_default",)),
        ({"networks": {"default": None, "out": {}}}, "networks", ("shop_default", "host")),
        ({"network_mode": "host"}, "networks", ("host",)),
        ({"pid": "host"}, "pid", ("host",)),
        ({"ipc": "shareable"}, "ipc", ("shareable",)),
        ({"uts": "host"}, "uts", ("host",)),
        ({"userns_mode": "host"}, "userns", ("host",)),
        ({"cgroup": "host"}, "cgroupns", ("host",)),
        ({"cgroup_parent": "/x"}, "cgroup_parent", "/x"),
        ({"runtime": "runsc"}, "runtime", "runsc"),
        ({"mem_limit": "1048576"}, "memory", 1 << 20),
        ({"deploy": {"resources": {"limits": {"memory": "1024"}}}}, "memory", 1024),
        ({"memswap_limit": "-1"}, "memory_swap", UNLIMITED),
        ({"cpus": 1.5}, "cpus", 1_500_000_000),
        ({"deploy": {"resources": {"limits": {"cpus": "0.5"}}}}, "cpus", 500_000_000),
        ({"pids_limit": 5}, "pids_limit", 5),
        ({"deploy": {"resources": {"limits": {"pids": 6}}}}, "pids_limit", 6),
        ({"shm_size": "1024"}, "shm_size", 1024),
        ({"oom_kill_disable": True}, "oom_kill_disable", True),
        ({"oom_score_adj": -1}, "oom_score_adj", -1),
        ({"ulimits": {"nofile": 5}}, "ulimits", (("nofile", 5, 5),)),
        ({"ulimits": {"nofile": {"soft": 1, "hard": 2}}}, "ulimits", (("nofile", 1, 2),)),
        ({"restart": "on-failure:3"}, "restart", ("on-failure", 3)),
        ({"deploy": {"restart_policy": {"condition": "any"}}}, "restart", ("always", 0)),
        ({"logging": {"driver": "syslog", "options": {"a": "b"}}}, "log_driver", "syslog"),
        ({"sysctls": {"kernel.msgmax": "1"}}, "sysctls", (("kernel.msgmax", "1"),)),
        ({"extra_hosts": ["db=10.0.0.1"]}, "add_hosts", (("db", "10.0.0.1"),)),
        ({"annotations": {"a": "b"}}, "annotations", (("a", "b"),)),
        ({"healthcheck": {"test": ["CMD", "true"]}}, "health_check", True),
        ({"healthcheck": {"test": ["CMD", "true"], "disable": True}}, "health_check", False),
        ({"gpus": [{"count": -1}]}, "gpus", True),
        (
            {"deploy": {"resources": {"reservations": {"devices": [{"capabilities": ["gpu"]}]}}}},
            "gpus",
            True,
        ),
        (
            {"devices": [{"source": "/dev/a", "target": "/dev/b", "permissions": "r"}]},
            "devices",
            (Device("/dev/a", "r", exact=False),),
        ),
        ({"devices": ["/dev/a:/dev/b"]}, "devices", (Device("/dev/a", exact=False),)),
        ({"devices": [{"source": "v.com/c=x"}]}, "devices", (Device("v.com/c=x"),)),
        ({"device_cgroup_rules": ["b *:* rwm"]}, "device_rules", ("b *:* rwm",)),
        (
            {"ports": [{"target": 80, "published": "8080", "host_ip": "127.0.0.1"}]},
            "ports",
            (Port("127.0.0.1", 8080, 8080),),
        ),
        ({"security_opt": ["systempaths=unconfined"]}, "security_opt", ("systempaths=unconfined",)),
        ({"security_opt": ["seccomp:gone.json"]}, "security_opt", ("seccomp=unknown",)),
        ({"group_add": ["0"]}, "groups", ()),
    ],
)
def test_keys_are_what_compose_makes_of_them(
    service: dict[str, Any], field: str, value: object
) -> None:
    """Every key comes out as the flag that says the same would."""
    assert getattr(asked(service), field) == value


@pytest.mark.parametrize(
    ("service", "mount"),
    [
        (
            {"volumes": [{"type": "bind", "source": "/a$$b", "target": "/x", "read_only": True}]},
            Mount("bind", "/a$b", "/x", read_only=True),
        ),
        (
            {"volumes": [{"type": "volume", "source": "data", "target": "/x"}]},
            Mount("volume", "shop_data", "/x"),
        ),
        (
            {"volumes": [{"type": "volume", "source": "etc", "target": "/x"}]},
            Mount("bind", "/etc", "/x"),
        ),
        (
            {"volumes": [{"type": "volume", "source": "theirs", "target": "/x"}]},
            Mount("volume", "theirs", "/x"),
        ),
        ({"tmpfs": ["/x:exec"]}, Mount("tmpfs", "", "/x")),
        (
            {"secrets": [{"source": "key"}]},
            Mount("bind", "/srv/key", "/run/secrets/key", read_only=True),
        ),
        (
            {"use_api_socket": True},
            Mount("bind", "/var/run/docker.sock", "/var/run/docker.sock"),
        ),
    ],
)
def test_volumes_are_what_the_project_makes_of_them(service: dict[str, Any], mount: Mount) -> None:
    """By the names and the driver options of the top level; a bind in disguise is a bind."""
    (found,) = asked(service).mounts
    assert found.replace(asked="", exact=True, options=()) == mount


def test_a_profile_is_known_by_its_content() -> None:
    """Compose puts the file's content into the body."""
    assert compose.profiles_of(model({"security_opt": ["seccomp=p.json"]})) == ("p.json",)
    (option,) = asked({"security_opt": ["seccomp=p.json"]}).security_opt
    assert option.startswith("seccomp=sha256:")


def test_joining_a_service_is_joining_what_it_has() -> None:
    """Whoever joins a service that has the host's processes has them, too, at any remove."""
    deep = {"image": "img", "pid": "host"}
    others = {"db": {"image": "img", "pid": "service:deep"}, "deep": deep}
    assert asked({"pid": "service:db"}, **others).pid == ("container:shop-db-1", "host")
    deep["pid"] = ""
    assert asked({"pid": "service:db"}, **others).pid == ("container:shop-db-1",)


def test_volumes_of_another_service_are_taken_over() -> None:
    """With what is behind their names, and no more writable than there."""
    volumes = [{"type": "volume", "source": "etc", "target": "/x"}]
    spec = asked({"volumes_from": ["db:ro"]}, db={"image": "img", "volumes": volumes})
    (mount,) = spec.mounts
    assert (mount.kind, mount.source, mount.read_only) == ("bind", "/etc", True)
    assert spec.volumes_from == ("shop-db-1",)


def test_keys_that_nobody_knows_are_named() -> None:
    """Wherever they stand; extensions are nobody's business."""
    service = {
        "zork": True,
        "x-mine": 1,
        "post_start": [{"command": ["x"]}],
        "deploy": {"zork": 1, "resources": {"limits": {"zork": 1}}},
        "provider": {},
    }
    (one,) = compose.services(model(service))
    named = {"zork", "post_start", "deploy.zork", "deploy.resources.limits.zork"}
    assert set(one.unknown) == named


@pytest.mark.parametrize(
    "service",
    [
        {"ports": ["8080:80"]},
        {"volumes": ["/a:/b"]},
        {"privileged": "yes"},
        {"mem_limit": "lots"},
        {"cpus": "many"},
        {"pid": "service:gone"},
        {"pid": "service:web"},
        {"networks": ["default"]},
        {"devices": [1]},
        {"devices": True},
        {"expose": True},
        {"volumes": True},
    ],
)
def test_what_is_not_rendered_or_makes_no_sense_is_refused(service: dict[str, Any]) -> None:
    """Whoever gives a file that Compose has not read gets no answer."""
    with pytest.raises(ValueError, match=r"."):
        asked(service)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=6,
)
KEYS = sorted(compose.PASSED | compose.CONFIG.keys() | compose.HOST.keys() | compose.SIZES.keys())


@given(st.dictionaries(st.sampled_from(KEYS), JSON))
def test_reading_is_total(service: dict[str, Any]) -> None:
    """Whatever stands in a service, it is read or refused with ValueError."""
    try:
        found = compose.services(model(service))
        container_body.to_spec(found[0].body, Facts(IMAGE, containers=found[0].siblings))
    except ValueError:
        return
    assert json.dumps(dict(found[0].body))
