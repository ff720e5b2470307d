"""What a run needs of the world, in one hand: the engine, the docker CLI, the cache, the voice."""

from __future__ import annotations

from saferun.formats.json_text import decode
from saferun.host.cache import Cache
from saferun.host.endpoint import Endpoint
from saferun.host.engine import Engine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def _silent(*_lines: str) -> None:
    """Say nothing."""


class World:
    """The world as the run door sees it."""

    def __init__(
        self,
        docker: str,
        environ: Mapping[str, str],
        say: Callable[..., None] = _silent,
        out: Callable[..., None] = _silent,
    ) -> None:
        """Take the docker CLI's path, the environment, and who prints on stderr and stdout.

        Without them nothing is said.
        """
        self.docker = docker
        self.environ = environ
        self.say = say
        self.out = out
        self.engine = Engine(Endpoint(docker, environ, decode))
        self.cache = Cache(environ)
