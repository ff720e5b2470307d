"""Door: every running container, and every process in it, as kernel and engine tell of it.

The same judge that decides what may start decides here what should not be running. Nothing on the
engine is changed.
"""

from __future__ import annotations

from saferun import asking, facts, laws, members
from saferun.errors import EngineError, SaferunError
from saferun.formats import container_body, engine_activity, engine_api, image_reference
from saferun.formats.docker_run.gate_command import Gate
from saferun.host import policy_files
from saferun.host.engine import MISSING, OK, AskedOnce, segment
from saferun.judge import audit as judging
from saferun.judge.evaluate import evaluate
from saferun.judge.exposure import Circumstances, exposure
from saferun.judge.record import Record
