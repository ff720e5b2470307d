"""The gate's command line: what the engine would have run, behind the gate."""

from __future__ import annotations

import pytest

from saferun.formats.docker_run.command import RunCommand, parse, to_argv
from saferun.formats.docker_run.gate_command import LABEL, Gate, composed, place_of, through_gate
from saferun.formats.docker_run.mounts import of_mount
from saferun.formats.engine_api import ImageFacts, VolumeFacts
from saferun.formats.facts import Facts
from saferun.judge.capabilities import ANY
from saferun.judge.decision import Masks

GATE = Gate("0123456789abcdef" * 4, ("amd64", "arm64"))


def command(*words: str) -> RunCommand:
    """Read a command line that is in order."""
    read = parse(words)
    assert isinstance(read, RunCommand)
    return read


def image(entrypoint: tuple[str, ...] = (), cmd: tuple[str, ...] = ()) -> ImageFacts:
    """An image for this architecture."""
    return ImageFacts("sha256:1", "linux", "amd64", entrypoint=entrypoint, cmd=cmd)


@pytest.mark.parametrize(
    ("words", "entrypoint", "cmd", "run"),
    [
        # Nothing on the command line: the image's own.
        ("i", ("e",), ("c",), ("e", "c")),
        ("i", ("e",), (), ("e",)),
        ("i", (), ("c", "d"), ("c", "d")),
        ("i", (), (), ()),
        ("i", ("",), ("c",), ("c",)),
        ("i", ("", "x"), ("c",), ("", "x", "c")),
        # Arguments replace the image's command only.
        ("i a b", ("e",), ("c",), ("e", "a", "b")),
        ("i a b", (), ("c",), ("a", "b")),
        ("i a", ("",), ("c",), ("a",)),
        # An entrypoint on the command line drops both.
        ("--entrypoint=x i", ("e",), ("c",), ("x",)),
        ("--entrypoint=x i a", ("e",), ("c",), ("x", "a")),
        ("--entrypoint=x --entrypoint=y i", ("e",), ("c",), ("y",)),
        # An empty one does so too, and is nothing itself.
        ("--entrypoint= i", ("e",), ("c",), ()),
        ("--entrypoint= i a", ("e",), ("c",), ("a",)),
        ("--entrypoint=x --entrypoint= i a", ("e",), ("c",), ("a",)),
        ("-- i --entrypoint=x", ("e",), ("c",), ("e", "--entrypoint=x")),
    ],
)
def test_words_are_composed_as_the_engine_composes_them(
    words: str, entrypoint: tuple[str, ...], cmd: tuple[str, ...], run: tuple[str, ...]
) -> None:
    """Entrypoint and command, from image and command line."""
    assert composed(command(*words.split()), image(entrypoint, cmd)) == run


@pytest.mark.parametrize(
    ("masks", "words"),
    [
        (Masks(0, 0), ("0000000000000000", "0000000000000000", "-")),
        (Masks(ANY, 0, no_new_privileges=True), ("f" * 16, "0" * 16, "nnp")),
        (Masks(1 << 63, 0x400), ("8000000000000000", "0000000000000400", "-")),
    ],
)
def test_the_gate_gets_masks_and_words(masks: Masks, words: tuple[str, ...]) -> None:
    """Masks in 16 digits, then the words untouched, whatever they look like."""
    given = command("-u5", "--entrypoint=/bin/x", "img", "--", "-a", "", "é\udcff")
    gated = through_gate(given, image(("e",), ("c",)), GATE, "/.saferun/5e", masks)
    assert gated.args == (*words, "--", "/bin/x", "--", "-a", "", "é\udcff")
    assert gated.all("mount") == (GATE.mount("/.saferun/5e"),)
    assert gated.all("entrypoint") == ("/.saferun/5e/gate-amd64",)
    assert gated.last("user") == "5"
    assert gated.image == "img"
    assert parse(to_argv(gated)) == gated


@pytest.mark.parametrize(
    ("words", "required"),
    [("-d i", "linger"), ("-d --detach=false i", "-")],
)
def test_in_the_background_a_refusal_lingers(words: str, required: str) -> None:
    """Where docker's own stderr does not bring it to whoever waits."""
    gated = through_gate(command(*words.split()), image(("e",)), GATE, "/.saferun/5e", Masks(0, 0))
    assert gated.args[2] == required


@pytest.mark.parametrize(
    ("words", "masks", "required"),
    [
        ("i", Masks(0, 0), "hold=1795558528"),
        ("-d i", Masks(0, 0), "linger,hold=1795558528"),
        ("-d i", Masks(0, 0, no_new_privileges=True), "nnp,linger,hold=1795558528"),
    ],
)
def test_a_deadline_at_the_door_comes_last(words: str, masks: Masks, required: str) -> None:
    """In the order in which the gate reads it."""
    given = command(*words.split())
    gated = through_gate(given, image(("e",)), GATE, "/.saferun/5e", masks, 1795558528)
    assert gated.args[2] == required


def test_the_gates_mount() -> None:
    """Read-only, never filled from the image, labelled should the engine have to make it."""
    mount = GATE.mount(place_of("5e"))
    fields = mount.split(",")
    assert {"type=volume", "readonly=true", "volume-nocopy=true", f"src={GATE.volume}"} <= {*fields}
    assert f"volume-label={LABEL}={GATE.digest}" in fields
    facts = Facts(ImageFacts("sha256:1", "linux", "amd64"))
    assert of_mount(mount, facts).target == "/.saferun/5e"
    assert GATE.volume == "saferun-gate-0123456789ab"


def test_the_gates_mount_for_podman() -> None:
    """Its CLI refuses what docker's has beyond type, source, destination and read-only."""
    mount = GATE.replace(podman=True).mount(place_of("5e"))
    assert mount == f"type=volume,src={GATE.volume},dst=/.saferun/5e,readonly=true"


@pytest.mark.parametrize(
    ("volume", "ours"),
    [
        (VolumeFacts("local", (), ((LABEL, GATE.digest),), ""), True),
        (VolumeFacts("local", (), (("x", "y"), (LABEL, GATE.digest)), ""), True),
        (VolumeFacts("local", (), ((LABEL, "0" * 64),), ""), False),
        (VolumeFacts("local", (), ((LABEL, ""),), ""), False),
        (VolumeFacts("local", (), (), ""), False),
        (VolumeFacts("local", (("device", "/x"),), ((LABEL, GATE.digest),), ""), False),
        (VolumeFacts("nfs", (), ((LABEL, GATE.digest),), ""), False),
    ],
)
def test_volumes_that_are_ours(*, volume: VolumeFacts, ours: bool) -> None:
    """A label alone is not enough: a local volume's options can make it somebody's directory."""
    assert GATE.owns(volume) is ours


@pytest.mark.parametrize(
    ("system", "architecture", "served"),
    [
        ("linux", "amd64", True),
        ("linux", "arm64", True),
        ("linux", "s390x", False),
        ("windows", "amd64", False),
        ("linux", "", False),
        ("", "amd64", False),
        ("linux", "../x", False),
    ],
)
def test_images_that_have_a_gate(*, system: str, architecture: str, served: bool) -> None:
    """Both the system and the architecture must be served."""
    assert GATE.serves(ImageFacts("sha256:1", system, architecture)) is served
