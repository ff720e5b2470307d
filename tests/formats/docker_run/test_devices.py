"""--device and --gpus: which devices are asked for."""

from __future__ import annotations

import pytest

from saferun.formats.docker_run.command import RunCommand
from saferun.formats.docker_run.devices import devices
from saferun.formats.engine_api import ImageFacts
from saferun.formats.facts import Facts
from saferun.judge.spec import Device

PATHS = {"/": "/", "/dev/null": "/dev/null", "/dev/cdrom": "/dev/sr0", "/dev/X": "/dev/X"}
HERE = Facts(ImageFacts("sha256:1", "linux", "amd64"), paths=PATHS, local=True)


def asked(*options: tuple[str, str], facts: Facts = HERE) -> tuple[Device, ...]:
    """Return the devices that options ask for."""
    return devices(RunCommand(options, (), "img", ()), facts)


@pytest.mark.parametrize(
    ("value", "device"),
    [
        ("/dev/null", Device("/dev/null")),
        ("/dev/null:r", Device("/dev/null", "r")),
        ("/dev/null:wr", Device("/dev/null", "wr")),
        ("/dev/null:mrw", Device("/dev/null", "mrw")),
        ("/dev/null:/dev/x", Device("/dev/null")),
        ("/dev/null:/dev/x:mw", Device("/dev/null", "mw")),
        ("/dev/null:r:/dev/x", Device("/dev/null")),
        # What are no permissions is a path in the container, and docker refuses the others.
        ("/dev/null:rr", Device("/dev/null")),
        ("/dev/null:rx", Device("/dev/null")),
        ("/dev/null:", Device("/dev/null")),
        ("//dev/./null/:r", Device("/dev/null", "r")),
        ("/dev/cdrom", Device("/dev/sr0")),
        ("/dev/X", Device("/dev/X")),
        ("/dev/unseen:r", Device("/dev/unseen", "r", exact=False)),
        # The engine opens these from its own directory, or after a link that is followed first.
        ("dev/null:/dev/x", Device("/")),
        ("../dev/null:/dev/x:r", Device("/", "r")),
        ("/dev/link/../null:/dev/x", Device("/")),
        ("/dev/link/../null:/dev/x:r", Device("/", "r")),
        # Without a place in the container the client cleans it, and takes nothing relative.
        ("/dev/link/../null", Device("/dev/null")),
        ("/dev/link/../null:r", Device("/dev/null", "r")),
        ("dev/null", Device("/")),
        ("r", Device("/")),
        ("", Device("/")),
        # CDI names; what lacks a part of one, or has more than that, is a path.
        ("vendor.com/gpu=all", Device("vendor.com/gpu=all")),
        ("k8s.vendor-1.com/Gpu_2.x=0:r", Device("k8s.vendor-1.com/Gpu_2.x=0:r")),
        ("vendor.com/gpu=", Device("/")),
        ("vendor.com/gpu=:", Device("/")),
        ("vendor.com/=a", Device("/")),
        ("/gpu=a", Device("/gpu=a", exact=False)),
        ("/a.b/gpu=a", Device("/a.b/gpu=a", exact=False)),
        ("vendor.com=a", Device("/")),
        ("vendor.com/gpu", Device("/")),
        ("vendor.com/gpu=a=b", Device("/")),
        ("vendor.com/gpu/x=a", Device("/")),
        ("vendor.com/gpu=a/b", Device("/")),
        ("vendor.com/gpu=\u00e9", Device("/")),
        ("vendor.com/gpu=a:/dev/x", Device("/")),
        ("vendor/gpu=a", Device("vendor/gpu=a")),
        # A CLI before 25 takes it for a path.
        ("tmp/gpu=a:/dev/x", Device("/")),
        ("tmp/me/gpu=a:/dev/x:r", Device("/", "r")),
    ],
)
def test_a_device_is_where_the_kernel_finds_it(value: str, device: Device) -> None:
    """With all that may be done with it where nothing is said of that."""
    assert asked(("device", value)) == (device,)


def test_where_the_engine_is_elsewhere_no_link_is_followed() -> None:
    """Paths of this machine say nothing of that one; CDI names need no path."""
    there = HERE.replace(local=False)
    assert asked(("device", "/dev/cdrom"), ("device", "v.w/c=n"), facts=there) == (
        Device("/dev/cdrom", exact=False),
        Device("v.w/c=n"),
    )


def test_every_device_is_found_once() -> None:
    """Whatever it is called, and in whichever way it is asked for."""
    assert asked(
        ("device", "/dev/cdrom:r"),
        ("gpus", '"device=v.w/c=0,v.w/c=1",driver=cdi'),
        ("device", "/dev/sr0"),
        ("gpus", "driver=cdi,device=v.w/c=2"),
        ("device", "/dev/cdrom:r"),
        ("device", "v.w/c=0"),
    ) == (
        Device("/dev/sr0", "r"),
        Device("/dev/sr0", exact=False),
        Device("v.w/c=0"),
        Device("v.w/c=1"),
        Device("v.w/c=2"),
    )


@pytest.mark.parametrize("value", ["all", "2", "device=v.w/c=0", "driver=nvidia,device=0", "", '"'])
def test_gpus_that_are_no_cdi_devices_have_no_names(value: str) -> None:
    """They are asked for by number, or all of them."""
    assert asked(("gpus", value)) == ()


def test_cdi_gpus_without_a_device_are_something() -> None:
    """It is the empty name, which nothing permits."""
    assert asked(("gpus", "driver=cdi")) == (Device(""),)
