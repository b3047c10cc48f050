"""Watches a server from outside: when a line stood in its log, when a connection's slot was free.

Whatever the server is: the processes that have the connection's socket are known before it is rejected, and the slot is
free when none of them has it any more, and, where each connection has a process, when that has ended.
"""

import contextlib
import ctypes
import os
import select
import time

import kernelwatch
import measure
from errors import LabError

LOOK_SECONDS = 0.0002
IN_MODIFY = 2  # <sys/inotify.h>

_libc = ctypes.CDLL(None, use_errno=True)


class Slot:
    """What serves a connection: descriptors of processes, and the processes where each serves one."""

    def __init__(self, holders, forks):
        self.holders, self.forks = holders, forks

    def __enter__(self):
        self.processes = []
        if self.forks:
            with contextlib.suppress(ProcessLookupError):
                self.processes = [os.pidfd_open(pid) for pid in {pid for pid, _, _ in self.holders}]
        self.ends = select.poll()
        for process in self.processes:
            self.ends.register(process, select.POLLIN)
        return self

    def __exit__(self, *_error):
        for process in self.processes:
            os.close(process)

    def wait(self, seconds):
        """When the socket was seen to be let go, and when the slot was free; None if it was not within the time."""
        deadline = time.monotonic() + seconds
        closed = None
        while (now := time.monotonic()) < deadline:
            if closed is None and not any(_has(*holder) for holder in self.holders):
                closed = now
            if closed is not None and len(self.ends.poll(0)) == len(self.processes):
                return closed, now
            time.sleep(LOOK_SECONDS)
        return None


def _has(pid, descriptor, link):
    try:
        return os.readlink(f"/proc/{pid}/fd/{descriptor}") == link
    except OSError:
        return False


def holders(server, source, port):
    """(pid, descriptor, link) of each process below `server` that has this peer's connection."""
    link = _socket(server, source, port)
    found = []
    if link is None:
        return found
    for pid in kernelwatch.descendants_and_self(server):
        with contextlib.suppress(OSError):
            for descriptor in os.listdir(f"/proc/{pid}/fd"):
                if _has(pid, descriptor, link):
                    found.append((pid, descriptor, link))
    return found


def _socket(pid, source, port):
    """How /proc/PID/fd names the server's end of a connection."""
    # As /proc/net writes them: 32-bit words of the host's order. tcp6 has IPv4 behind ::ffff:.
    word = "".join(f"{int(part):02X}" for part in reversed(source.split(".")))
    peers = {f"{word}:{port:04X}", f"0000000000000000FFFF0000{word}:{port:04X}"}
    for table in ("tcp", "tcp6"):
        with open(f"/proc/{pid}/net/{table}") as lines:
            for line in lines:
                fields = line.split()
                if fields[2] in peers and fields[1].endswith(f":{measure.PORT:04X}") and fields[9] != "0":
                    return f"socket:[{fields[9]}]"
    return None


class Log:
    """Waits for a rejection to appear; one is expected at a time, as not every server names the peer in it."""

    def __init__(self, path, rejection):
        self.rejection = rejection
        self.file = os.open(path, os.O_RDONLY)
        self.notices = _libc.inotify_init1(os.O_NONBLOCK)
        if self.notices < 0 or _libc.inotify_add_watch(self.notices, os.fsencode(path), IN_MODIFY) < 0:
            raise LabError(f"inotify on {path}: {os.strerror(ctypes.get_errno())}")
        self.rest = b""

    def forget(self):
        """What has been written so far."""
        os.lseek(self.file, 0, os.SEEK_END)
        self.rest = b""

    def wait(self, source, seconds):
        """When a rejection was seen; None if none came."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if select.select([self.notices], [], [], left)[0]:
                at = time.monotonic()
                with contextlib.suppress(BlockingIOError):
                    os.read(self.notices, 1 << 16)
                lines, _, self.rest = (self.rest + os.read(self.file, 1 << 20)).rpartition(b"\n")
                if any(match.groups() in ((), (source.encode(),)) for match in self.rejection.finditer(lines)):
                    return at
        return None
