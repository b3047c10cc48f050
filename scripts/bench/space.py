"""A network namespace for each measurement: what runs in it sees a loopback and an empty firewall.

A namespace belongs to a process here, so each measurement runs in a child; whatever it started ends
with it, and the namespace with the last of them.
"""

import os
import pickle
import signal
import subprocess
import sys
import traceback

import namespaces
from bencherror import BenchError


def run(function, *arguments):
    """What `function(*arguments)` returns when it is called in a network namespace of its own."""
    def inside():
        namespaces.unshare(namespaces.CLONE_NEWNET)
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        return function(*arguments)

    return forked(inside)


def forked(function):
    """What `function()` returns when it is called in a child process, which ends with this one."""
    reading, writing = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        os.close(reading)
        namespaces.end_with_parent()
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        status = 0
        try:
            answer = ("value", function())
        except BenchError as error:
            answer = ("error", str(error))
        except BaseException:  # whatever it is, the parent has to know
            answer = ("error", traceback.format_exc())
            status = 1
        try:
            with os.fdopen(writing, "wb") as pipe:
                pickle.dump(answer, pipe)
        except BrokenPipeError:
            status = 1  # the parent is ending, and waits for the end of this process only
        os._exit(status)
    os.close(writing)
    try:
        with os.fdopen(reading, "rb") as pipe:
            data = pipe.read()
    finally:
        if not _has_ended(child):
            os.kill(child, signal.SIGTERM)
            os.waitpid(child, 0)
    if not data:
        raise BenchError("the measuring process ended without a word")
    kind, value = pickle.loads(data)
    if kind == "error":
        raise BenchError(value)
    return value


def _has_ended(child):
    """Waits for a child that has closed its pipe; not for one that goes on after a Ctrl-C here."""
    if sys.exc_info()[0] is None:
        os.waitpid(child, 0)
        return True
    return os.waitpid(child, os.WNOHANG)[0] == child


def side_process(function):
    """Forks a process that runs `function(pipe)` with a real-time priority, if the host permits one.

    For what takes times: it must not wait for a CPU behind those it watches. Returns (pid, pipe to read).
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            namespaces.end_with_parent()
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            try:
                os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
            except PermissionError:
                pass
            with os.fdopen(writing, "wb") as pipe:
                function(pipe)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    os.close(writing)
    return child, os.fdopen(reading, "rb")
