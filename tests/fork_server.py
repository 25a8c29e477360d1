"""`python -m tests.fork_server FD ALIVE MODULE …` imports the modules, and then starts `python -m`
of any other by forking itself: what a process costs that is forked is what it does, not the seconds
that its imports take. tests/processes.py asks it.

It knows the standard library alone, as it is run by the real server's Python too. Who asks connects
to the socket FD, which listens, and sends one message, JSON, with two descriptors: that of a pipe
for the process's id and, once it has ended, its exit code; and that which gets its output. It ends
when nobody has the pipe ALIVE open for writing any more.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys
import threading
from typing import Any


def serve(listener: socket.socket, alive: int) -> Any:
    """Fork for each request; in the processes that are to carry one out, it returns that."""
    while True:
        ready, _, _ = select.select([listener.fileno(), alive], [], [])
        if alive in ready:
            os._exit(0)
        connection, _ = listener.accept()
        with connection:
            message, descriptors, _, _ = socket.recv_fds(connection, 1 << 20, 2)
        if not message:
            continue
        if os.fork() == 0:
            listener.close()
            os.close(alive)
            keep(*descriptors)
            return json.loads(message)
        for descriptor in descriptors:
            os.close(descriptor)


def keep(status: int, output: int) -> None:
    """Fork the process that was asked for, where this returns; tell of it, and end as it does."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    pid = os.fork()
    if pid == 0:
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.close(output)
        os.close(status)
        return
    os.close(output)
    os.write(status, b"%d\n" % pid)
    _, ended = os.waitpid(pid, 0)
    os.write(status, b"%d\n" % os.waitstatus_to_exitcode(ended))
    os._exit(0)


def main() -> None:
    descriptor, alive, *modules = sys.argv[1:]
    for module in modules:
        importlib.import_module(module)
    assert threading.active_count() == 1, "a fork has one thread"
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for those who ask
    gc.collect()
    gc.freeze()  # what is loaded stays: the collector of no fork looks at it, or copies it
    asked = serve(
        socket.socket(fileno=int(descriptor)), os.open(alive, os.O_RDONLY | os.O_NONBLOCK)
    )
    if asked["is_quiet"]:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    sys.path[:0] = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    sys.argv = [asked["module"], *asked["arguments"]]
    runpy.run_module(asked["module"], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
