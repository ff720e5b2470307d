"""The door of `saferunctl inspect`: what it asks of the engine, and what it does not believe."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from saferun import inspect_image
from saferun.errors import EngineError, ImageError
from saferun.formats.docker_run.command import RunCommand, parse
from saferun.host import image_files
from saferun.pulling import Look
from saferun.world import World
from tests.judging import IMAGES
from tests.kernel.images import Entry, tar

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from saferun.judge.file_tree import Tree

WHOLE = tar([Entry("bin"), Entry("bin/su", b"", 0o4755)])


class Exporting:
    """An engine that exports these pieces, and counts how often it was asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, directory: Path, *pieces: bytes) -> None:
        """Stand in for the real one."""
        self.pieces = pieces
        self.asked = 0
        environ = {"XDG_CACHE_HOME": str(directory), "DOCKER_HOST": "unix:///nowhere"}
        self.world = World("/bin/false", environ, lambda *_: None, lambda *_: None)
        monkeypatch.setattr(image_files, "exported", self.exported)

    @contextmanager
    def exported(self, *_: object) -> Iterator[Iterator[bytes]]:
        """Yield the pieces."""
        self.asked += 1
        yield iter(self.pieces)

    def files(self) -> Tree:
        """Return what the door makes of it."""
        (answer,) = (Look(IMAGES["busybox"], None, "1.41"),)  # type: ignore[arg-type]
        return inspect_image._files(answer, self.world)


@pytest.mark.parametrize(
    "pieces",
    [
        (),
        (b"",),
        (b"garbage",),
        (b"garbage" * 1000,),
        (WHOLE[:700],),
        (WHOLE[:512], b"\xff" * 512),
        (tar([Entry("../etc/passwd", b"")]),),
        (tar([Entry("a", b""), Entry("a", b"")]),),
    ],
)
def test_an_archive_that_makes_no_sense_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, pieces: tuple[bytes, ...]
) -> None:
    """With a sentence, and never "nothing was found"; nothing of it is remembered."""
    engine = Exporting(monkeypatch, tmp_path, *pieces)
    for _ in range(2):
        with pytest.raises(ImageError, match="cannot be read as the engine exports them: "):
            engine.files()
    assert engine.asked == 2
    assert list(tmp_path.rglob("files-*")) == []


def test_files_are_asked_for_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What is remembered by the image's id, a hash of its content, is the same."""
    engine = Exporting(monkeypatch, tmp_path, WHOLE[:100], WHOLE[100:])
    first = engine.files()
    assert first.files["/bin/su"].mode == 0o4755
    assert engine.files() == first
    assert engine.asked == 1
    (kept,) = tmp_path.rglob("files-*")
    kept.write_bytes(b"garbage")
    assert engine.files() == first
    assert engine.asked == 2


@pytest.mark.parametrize(
    ("words", "of_image", "path"),
    [
        ("x", (), inspect_image.DEFAULT_PATH),
        ("x", ("PATH=/a", "XPATH=/b"), "/a"),
        ("-e PATH=/c x", ("PATH=/a",), "/c"),
        ("-e PATH=/c --env PATH=/d -e OTHER=1 x", ("PATH=/a",), "/d"),
        ("-e PATH= x", ("PATH=/a",), ""),
        ("-e PATH x", ("PATH=/a",), "/caller"),
        ("--env-file f x", ("PATH=/a",), None),
        ("--env-file f -e PATH=/c x", ("PATH=/a",), "/c"),
    ],
)
def test_the_container_s_path(words: str, of_image: tuple[str, ...], path: str | None) -> None:
    """The command line's before the image's before the engine's; a file's cannot be told."""
    command = parse(words.split())
    assert isinstance(command, RunCommand)
    world = World("/bin/false", {"PATH": "/caller"}, lambda *_: None, lambda *_: None)
    assert inspect_image._path(command, of_image, world) == path


def test_an_engine_that_is_not_there(tmp_path: Path) -> None:
    """Is an error of the engine's, and not an image without files."""
    environ = {"XDG_CACHE_HOME": str(tmp_path), "DOCKER_HOST": f"unix://{tmp_path}/none"}
    world = World("/bin/false", environ, lambda *_: None, lambda *_: None)
    command = parse(["busybox"])
    assert isinstance(command, RunCommand)
    with pytest.raises(EngineError, match="cannot connect"):
        inspect_image.inspect_image(command, world)
