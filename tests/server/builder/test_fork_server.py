"""The fork server's own side, in a process whose children are its alone."""

import subprocess
import sys

ENDS_AS_IT_IS_GIVEN_UP = """
import os, selectors, socket
from horngate.server.builder.fork_server import ForkServer

control, _ = socket.socketpair()
hold, caller = socket.socketpair()
forks = ForkServer(control)
pid = os.fork()
if not pid:
    os._exit(7)
forks._holds[pid] = hold
forks._selector.register(hold, selectors.EVENT_READ)
forks._woken.setblocking(False)
os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
forks._reap()
forks._give_up(pid, hold)
print(caller.recv(10).decode())
"""


def test_a_builder_that_ends_as_it_is_given_up_leaves_the_process_be() -> None:
    """Both may be told in one look; what is reaped is no longer there to be killed."""
    done = subprocess.run([sys.executable, "-c", ENDS_AS_IT_IS_GIVEN_UP], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "7\n"), done.stderr
