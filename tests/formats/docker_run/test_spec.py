"""From a command line to the container that is asked about."""

from __future__ import annotations

import pytest

from saferun.formats.docker_run.command import RunCommand, parse
from saferun.formats.docker_run.spec import to_spec, user
from saferun.formats.engine_api import ImageFacts
from saferun.judge.spec import ContainerSpec


def asked(words: str, image_user: str = "", uid: int | None = 0) -> ContainerSpec:
    """Return what a command line asks for."""
    read = parse(words.split(" "))
    assert isinstance(read, RunCommand)
    return to_spec(read, ImageFacts("sha256:1", "linux", "amd64", user=image_user), uid)


@pytest.mark.parametrize(
    ("words", "of_image", "recorded"),
    [
        ("i", "", ""),
        ("i", "app", "app"),
        ("--user= i", "app", "app"),
        ("-u 5 i", "app", "5"),
        ("-u 5 -u 6 i", "app", "6"),
        ("-u 5 --user= i", "app", "app"),
        ("-u : i", "app", ":"),
        ("-u= i", "app", "="),
        ("i -u 5", "app", "app"),
    ],
)
def test_the_user_that_the_engine_records(words: str, of_image: str, recorded: str) -> None:
    """The last `-u` unless it is empty; then the image's."""
    read = parse(words.split(" "))
    assert isinstance(read, RunCommand)
    image = ImageFacts("sha256:1", "linux", "amd64", user=of_image)
    assert user(read, image) == to_spec(read, image, 0).user == recorded


@pytest.mark.parametrize(
    ("words", "changes"),
    [
        ("i", {}),
        (
            "--cap-add=net_raw --cap-add=CAP_CHOWN --cap-add=all i",
            {"cap_add": ("NET_RAW", "CHOWN", "ALL")},
        ),
        ("--cap-add=NET_RAW,CHOWN i", {"cap_add": ("NET_RAW,CHOWN",)}),
        ("--cap-drop=All --cap-drop=x i", {"cap_drop": ("ALL", "X")}),
        ("--privileged i", {"privileged": True}),
        ("--privileged --privileged=false i", {"privileged": False}),
        ("--privileged=0 --privileged=T i", {"privileged": True}),
        ("--security-opt a --security-opt=b=c i", {"security_opt": ("a", "b=c")}),
        ("--read-only i", {"read_only": True}),
        ("--read-only=false i", {"read_only": False}),
        ("--read-only --read-only=f i", {"read_only": False}),
        (
            "-v /a:/b --tmpfs /t:rw -v c i",
            {"mount_targets": ("/b", "/c", "/t"), "mount_sources": ("/a",)},
        ),
        ("--mount type=bind,src=/,dst=/m i", {"mount_targets": ("/m",), "mount_sources": ("/",)}),
        ("--verify=off i", {"verify": "off"}),
        ("i --privileged --cap-add=ALL", {}),
        ("-- i -u 5", {}),
    ],
)
def test_what_is_asked_for(words: str, changes: dict[str, object]) -> None:
    """Everything the law speaks of, and only from before the image."""
    assert asked(words) == ContainerSpec().replace(**changes)


def test_targets_of_other_containers_count() -> None:
    """--volumes-from mounts things, too."""
    read = parse(["-v", "/a:/b", "i"])
    assert isinstance(read, RunCommand)
    spec = to_spec(read, ImageFacts("sha256:1", "linux", "amd64"), None, ("/x", None))
    assert spec.mount_targets == ("/b", "/x", None)


@pytest.mark.parametrize(("uid", "whom"), [(0, "root"), (3267, "nonroot"), (None, "nonroot")])
def test_who_the_container_is(uid: int | None, whom: str) -> None:
    """Unknown counts as not root."""
    assert asked("-u x i", uid=uid).whom == whom
