"""Watches a real Courier's slots from outside: when a rejection stood in the log, when its process had ended.

The processes are the children of couriertcpd, each bound to its connection by what couriertcpd put
into its environment, and held by a pidfd from then on, so that an end is a wake-up and no poll.
"""

import ctypes
import os
import pickle
import re
import select
import signal
import time

import space
from bencherror import BenchError

LOOK_SECONDS = 0.004  # between two looks at the list of children; a client speaks 0.15 s after its connection
IN_MODIFY = 2  # <sys/inotify.h>
REJECTION = re.compile(rb"courieresmtpd: error,relay=(\S+?),port=(\d+),.*: 511 ")

_libc = ctypes.CDLL(None, use_errno=True)


class Watcher:
    """Between `start` and `stop`, of every connection: {(peer, port): {"line": ns, "end": ns}}."""

    def __init__(self, log, listener):
        self.log, self.listener = log, listener

    def start(self):
        asking, self.ask = os.pipe()
        self.pid, self.pipe = space.side_process(lambda pipe: self._watch(pipe, asking))
        os.close(asking)
        if self.pipe.read(1) != b"!":
            raise BenchError("the watcher of slots did not start")

    def stop(self):
        os.close(self.ask)
        seen = pickle.load(self.pipe)
        os.waitpid(self.pid, 0)
        return seen

    def abandon(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)

    def _watch(self, pipe, asking):
        os.close(self.ask)  # so that closing the other copy ends the pipe
        log = os.open(self.log, os.O_RDONLY)
        os.lseek(log, 0, os.SEEK_END)
        notices = _libc.inotify_init1(os.O_NONBLOCK)
        if notices < 0 or _libc.inotify_add_watch(notices, os.fsencode(self.log), IN_MODIFY) < 0:
            raise BenchError(f"inotify on {self.log}: {os.strerror(ctypes.get_errno())}")
        waiting = select.epoll()
        waiting.register(asking, select.EPOLLHUP)
        waiting.register(notices, select.EPOLLIN)
        pipe.write(b"!")
        pipe.flush()
        seen, known, ends, rest, now = {}, set(), {}, b"", time.monotonic_ns
        is_over, next_look = False, 0.0
        while not is_over:
            for descriptor, _ in waiting.poll(max(0.0, next_look - time.monotonic())):
                at = now()
                if descriptor == asking:
                    is_over = True
                elif descriptor == notices:
                    os.read(notices, 1 << 16)
                    data = rest + os.read(log, 1 << 20)
                    lines, _, rest = data.rpartition(b"\n")
                    for match in REJECTION.finditer(lines):
                        seen.setdefault((match[1].decode(), int(match[2])), {}).setdefault("line", at)
                else:
                    waiting.unregister(descriptor)
                    os.close(descriptor)
                    seen.setdefault(ends.pop(descriptor), {})["end"] = at
            if time.monotonic() >= next_look:
                next_look = time.monotonic() + LOOK_SECONDS
                present = set(children(self.listener))
                known &= present
                for pid in present - known:
                    peer = peer_of(pid)
                    if peer is None:
                        continue  # not a courieresmtpd yet
                    known.add(pid)
                    try:
                        pidfd = os.pidfd_open(pid)
                    except ProcessLookupError:
                        continue
                    ends[pidfd] = peer
                    waiting.register(pidfd, select.EPOLLIN)
        pickle.dump(seen, pipe)


def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            return [int(word) for word in file.read().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def peer_of(pid):
    """(address as it is logged, port) of the connection that a courieresmtpd serves; None of anything else."""
    try:
        with open(f"/proc/{pid}/comm") as file:
            if file.read() != "courieresmtpd\n":
                return None
        with open(f"/proc/{pid}/environ", "rb") as file:
            values = dict(item.partition(b"=")[::2] for item in file.read().split(b"\0"))
        return values[b"TCPREMOTEIP"].decode(), int(values[b"TCPREMOTEPORT"])
    except (FileNotFoundError, ProcessLookupError, KeyError):
        return None


def slot_of(listener, peer, seconds=5):
    """The pid of the courieresmtpd that serves `peer`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for pid in children(listener):
            if peer_of(pid) == peer:
                return pid
        time.sleep(0.005)
    raise BenchError(f"no courieresmtpd serves {peer[0]} port {peer[1]}")


def listener_of(server_pid):
    """The couriertcpd among the descendants of the lab's process 1, as the host numbers it."""
    waiting = [server_pid]
    while waiting:
        pid = waiting.pop()
        try:
            with open(f"/proc/{pid}/comm") as file:
                if file.read() == "couriertcpd\n":
                    return pid
        except FileNotFoundError:
            continue
        waiting += children(pid)
    raise BenchError("the lab has no couriertcpd")


def wait_for_end(pidfd, seconds):
    """The instant a process was seen to have ended, or None."""
    if not select.select([pidfd], [], [], seconds)[0]:
        return None
    return time.monotonic_ns()
