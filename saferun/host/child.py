"""A program that runs in our place, while we wait: whatever happens to us, happens to it.

It shares our process group, terminal and streams, so that the terminal's own signals, sizes and job
control reach it without us. What somebody else sends to us is sent on, when it stops we stop, when
it ends we end in the same way, and when we are killed it is killed as well.
"""

from __future__ import annotations

import os
import resource
import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

#: What the kernel raises in a process for its own fault; nobody else's business.
FAULTS = frozenset(
    getattr(signal, f"SIG{name}") for name in ("SEGV", "BUS", "FPE", "ILL", "TRAP", "SYS", "ABRT")
)
#: Every signal that can be waited for. Those that cannot be caught are not among what is forwarded.
WAITED = frozenset(signal.valid_signals()) - FAULTS - {signal.SIGKILL, signal.SIGSTOP}
#: What a terminal sends to its whole foreground process group.
OF_TERMINALS = frozenset(
    getattr(signal, f"SIG{name}")
    for name in ("INT", "QUIT", "TSTP", "TTIN", "TTOU", "WINCH", "HUP", "CONT")
)
#: siginfo's si_code of what the kernel itself sends (asm-generic/siginfo.h).
SI_KERNEL = 0x80
#: linux/prctl.h
PR_SET_PDEATHSIG = 1
#: What a shell adds to the number of the signal that a program ended by.
SIGNALLED = 128


class Child:
    """A child process that becomes another program."""

    def __init__(self, become: Callable[[], NoReturn]) -> None:
        """Start it; `become` is called in the child, and what it raises is raised there."""
        import ctypes  # the only way to prctl; few runs are watched

        prctl = ctypes.CDLL(None).prctl
        parent = os.getpid()
        # Somebody may have left it ignored; then the kernel would not tell how the child ended.
        of_children = signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        before = signal.pthread_sigmask(signal.SIG_BLOCK, WAITED)
        self.pid = os.fork()
        if self.pid == 0:
            prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL))
            if os.getppid() != parent:
                os._exit(SIGNALLED + signal.SIGKILL)
            signal.signal(signal.SIGCHLD, of_children)
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            become()

    def wait(self) -> int:
        """Wait for its end, being what it is meanwhile; return its status as waitpid gives it."""
        while True:
            found = signal.sigwaitinfo(WAITED)
            if found.si_signo != signal.SIGCHLD:
                if self._is_for_it(found):
                    os.kill(self.pid, found.si_signo)
                continue
            pid, status = os.waitpid(self.pid, os.WNOHANG | os.WUNTRACED)
            if pid == 0:
                continue  # another child of ours
            if not os.WIFSTOPPED(status):
                return status
            # Whoever waits for us, a shell, sees us stopped; its SIGCONT is sent on like any other.
            os.kill(os.getpid(), signal.SIGSTOP)

    def _is_for_it(self, found: signal.struct_siginfo) -> bool:
        """Tell whether a signal has to be sent on, because it has reached only us."""
        if found.si_pid == self.pid:
            return False
        if found.si_code != SI_KERNEL or found.si_signo not in OF_TERMINALS:
            return True
        # A terminal that hangs up tells only the leader of the session.
        return found.si_signo == signal.SIGHUP and os.getsid(0) == os.getpid()


def end_as(status: int) -> int:
    """End by the signal that a child ended by, or return its exit status."""
    if not os.WIFSIGNALED(status):
        return os.waitstatus_to_exitcode(status)
    number = os.WTERMSIG(status)
    # Its core, if there was one, is enough.
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    if number not in (signal.SIGKILL, signal.SIGSTOP):
        signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
    os.kill(os.getpid(), number)
    return SIGNALLED + number
