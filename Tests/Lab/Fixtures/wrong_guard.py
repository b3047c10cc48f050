"""A guard that is wrong in every way the suite has a rule for: wrong_guard.py COURIERTCPD.

Each listed peer meets one kind of harm, by the last digit of its address or port. Runs in the server's namespaces.
"""

import ctypes
import os
import signal
import socket
import sys
import time

REPLY = "511 http://www.spamhaus.org/query/bl?ip={}\r\n"
CLOCK_NANOSLEEP, NANOSLEEP, PIDFD_GETFD = "230", "35", 438
libc = ctypes.CDLL(None, use_errno=True)


def read(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def listed(pid):
    """The peer of a slot, if it is listed."""
    variables = dict(part.split(b"=", 1) for part in read(f"/proc/{pid}/environ").split(b"\0") if b"=" in part)
    if not variables.get(b"BLOCK"):
        return None
    peer = variables[b"TCPREMOTEIP"].decode()
    return peer.removeprefix("::ffff:"), int(variables[b"TCPREMOTEPORT"])


def say(pid, text):
    descriptor = libc.syscall(PIDFD_GETFD, os.pidfd_open(pid), 0, 0)
    if descriptor >= 0:
        with socket.socket(fileno=descriptor) as connection:
            connection.send(text.encode())


def harm(pid, peer, port):
    """Returns whether it is done with this one."""
    asleep = read(f"/proc/{pid}/syscall").split()[:1] in ([CLOCK_NANOSLEEP.encode()], [NANOSLEEP.encode()])
    kind = port % 5
    if kind == 0:  # ends whoever is listed, told or not
        os.kill(pid, signal.SIGTERM)
    elif not asleep:
        return False
    elif kind == 1:  # takes every sleep for a rejection
        say(pid, REPLY.format(peer))
        os.kill(pid, signal.SIGTERM)
    elif kind == 2:  # half a line, after which the dialogue may go on
        say(pid, REPLY.format(peer)[:9])
        if pid % 2:
            os.kill(pid, signal.SIGTERM)
    elif kind == 3:  # a second reply on top of the server's own
        say(pid, REPLY.format(peer))
    else:  # leaves it where it is
        os.kill(pid, signal.SIGSTOP)
    return True


def main(couriertcpd):
    done, gone = set(), {}
    while True:
        now = {int(word) for word in read(f"/proc/{couriertcpd}/task/{couriertcpd}/children").split()}
        for pid in now - done:
            try:
                peer = listed(pid)
                if peer and harm(pid, *peer):
                    done.add(pid)
            except OSError:
                continue
        for pid in done - now:  # makes sure, by the pid alone
            gone.setdefault(pid, time.monotonic())
        for pid in [pid for pid, since in gone.items() if time.monotonic() - since > 0.1]:
            del gone[pid]
            done.discard(pid)
            try:
                os.kill(pid, signal.SIGTERM)
            except OSError:
                pass
        time.sleep(0.02)


if __name__ == "__main__":
    main(int(sys.argv[1]))
