"""What Podman's CLI makes of words that docker's reads otherwise (containers/podman, cmd/podman).

Policies speak of what docker run asks for. What is named here asks Podman for something else, and
the judge would see only what docker makes of it. The built-in law holds whatever it is, because the
gate asks the kernel.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from saferun.formats.docker_run.command import RunCommand

#: Where a value is a line of CSV, so perhaps several values (create.go, pflag StringSlice).
LISTS = frozenset(
    (
        *("add-host", "annotation", "cap-add", "device", "device-cgroup-rule", "dns", "expose"),
        *("group-add", "log-opt", "publish", "sysctl", "ulimit"),
    )
)
#: What makes a value of these another one, or more than one (encoding/csv).
OF_CSV = frozenset(',"\n\r')
#: Where a namespace can be named by its file (specgen ParseNamespace).
NAMESPACES = frozenset(("cgroupns", "ipc", "network", "pid", "userns", "uts"))


def read_otherwise(command: RunCommand) -> str | None:
    """Return an option, and why no policy can speak of it, None if there is none."""
    for name, value in command.options:
        if name in LISTS and not OF_CSV.isdisjoint(value):
            return f"--{name} with a comma or a quote in it, which Podman reads as a list"
        if name in NAMESPACES and value.startswith("ns:"):
            return f"--{name}=ns:, which is a namespace's file for Podman"
        if name == "device" and ".." in value.split("/"):
            return "--device with `..`, which Podman takes as the kernel does"
        if _changes_owner(name, value):
            return f"--{name} with U or chown, which Podman gives to the container's user"
    return None


def writable_again(command: RunCommand) -> bool:
    """Tell whether mounts become writable here that are read-only in another container.

    They do wherever a mode is given and is not ro; Docker never does that.
    """
    modes = (value.partition(":")[2] for value in command.all("volumes-from"))
    return any(mode and "ro" not in mode.split(",") for mode in modes)


def _changes_owner(name: str, value: str) -> bool:
    if name == "volume":
        return "U" in value.rpartition(":")[2].split(",")
    keys = {field.strip('"').partition("=")[0] for field in value.split(",")}
    return name == "mount" and not keys.isdisjoint(("U", "chown"))
