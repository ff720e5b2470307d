"""Whether containers can be seen from this machine's /proc, and by whom."""

from __future__ import annotations

from saferun.formats import proc_status
from saferun.judge.diagnosis import passed, unclear

TYPE_CHECKING = False
if TYPE_CHECKING:
    from saferun.formats.engine_api import EngineFacts
    from saferun.judge.diagnosis import Line
    from saferun.judge.verify import Verdict

#: What every check of this kind means when it cannot tell.
STILL = "receipts and audits say unverified here; the gate's own check inside still holds"


def local(engine: EngineFacts, *, is_here: bool, kernel: str) -> Line:
    """Judge whether the engine runs on this machine and this kernel.

    `is_here`: an engine of this machine is at the other end of the socket; `kernel` is our release.
    Engines in a virtual machine (Docker Desktop, Rancher Desktop) have another kernel, and process
    ids that mean nothing here.
    """
    check = "outside.local"
    if "Docker Desktop" in engine.system:
        return unclear(check, "Docker Desktop runs containers in a virtual machine", STILL)
    if engine.kernel != kernel:
        theirs = engine.kernel or "an unknown one"
        return unclear(check, f"the engine's kernel is {theirs}, this one is {kernel}", STILL)
    if not is_here:
        why = "the other end of the engine's address is no engine that can be seen on this machine"
        return unclear(check, why, STILL)
    return passed(check, f"the engine is on this machine (kernel {kernel})")


def hidepid(mountinfo: bytes, uid: int) -> Line:
    """Judge whether /proc hides other users' processes from this one (proc(5), hidepid).

    `mountinfo` is /proc/self/mountinfo, empty where there is none to be read; root sees everything,
    whatever it says.
    """
    check = "outside.hidepid"
    if not mountinfo:
        return unclear(check, "/proc/self/mountinfo cannot be read: is /proc mounted?", STILL)
    hidden = proc_status.hidepid(mountinfo)
    if not hidden:
        return passed(check, "/proc shows the processes of all users")
    if uid == 0:
        return passed(check, f"/proc is mounted with hidepid={hidden}, which root may look behind")
    return unclear(
        check,
        f"/proc is mounted with hidepid={hidden}: containers' processes cannot be seen",
        f"run it as root, or mount /proc with gid= of a group of yours; {STILL}",
    )


def process(seen: Verdict | None) -> Line:
    """Judge what was seen of a canary's process: only its cgroup proves that it is the canary's."""
    check = "outside.process"
    if seen is None:
        return unclear(check, "there was no canary to be looked for", STILL)
    if seen.outcome == "unverified":
        return unclear(check, "; ".join(seen.reasons), STILL)
    pids = " and ".join(str(process.pid) for process in seen.evidence)
    # What it holds is the business of canary.drop.
    return passed(check, f"the canary was process {pids}, by its cgroup, and its sets can be read")
