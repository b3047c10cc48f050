#!/usr/bin/env python3
"""A stand-in for couriertcpd and its courieresmtpd: listens, and starts a process for each connection.

    slots.py DIRECTORY PORTS       prints "ready PID", then "line PEER PORT PID" as each slot logs

DIRECTORY receives copies of the interpreter named couriertcpd, courieresmtpd, submit and couriertls, so that comm and the
program's file name are those of the real ones. What a slot does, its client says in its first line (BEHAVIOURS).
"""
import ctypes
import os
import select
import shutil
import signal
import socket
import sys
import time

REPLY = b"511 no\r\n"


def log():
    os.write(2, ("line %s %s %d\n" % (os.environ["TCPREMOTEIP"], os.environ["TCPREMOTEPORT"], os.getpid())).encode())


def run_as(directory, program, *arguments):
    os.execv(os.path.join(directory, program), [program, os.path.abspath(__file__), directory, *arguments])


def read_line():
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte:
            sys.exit(0)
        line += byte
    return line.strip().decode()


def wait_for_client():
    while True:
        select.select([0], [], [])
        if not os.read(0, 4096):
            sys.exit(0)


# What a slot does; each begins after the client's first line.

def wait(directory):
    """The usual: log, reply, wait for the next command."""
    log()
    os.write(1, REPLY)
    wait_for_client()


def late(directory):
    """Logs long before it replies, and is busy in between: the log line alone means nothing."""
    log()
    end = time.monotonic() + 0.4
    while time.monotonic() < end:
        pass
    os.write(1, REPLY)
    wait_for_client()


def tarpit(directory):
    """Replies, and sleeps before its next one."""
    log()
    os.write(1, REPLY)
    time.sleep(3600)


def silent(directory):
    """Sleeps before its first reply, and has logged nothing."""
    os.write(2, b"asleep\n")
    time.sleep(3600)


def full(directory):
    """Replies with more than the peer ever takes."""
    log()
    sock = socket.socket(fileno=os.dup(1))
    try:
        sock.sendall(b"x" * (64 << 20))
    except OSError:
        pass
    wait_for_client()


def two(directory):
    """Holds a second connection."""
    other = socket.create_connection(("127.0.0.1", int(os.environ["TCPLOCALPORT"])))
    wait(directory)
    other.close()


def listening(directory):
    """Holds a listening socket beside its connection."""
    other = socket.create_server(("127.0.0.1", 0))
    wait(directory)
    other.close()


def execs(directory):
    """Becomes another program once the client says so, connection and all; told to, it keeps the slot's name."""
    log()
    os.write(1, REPLY)
    code = "import os, time; os.write(2, b'other\\n'); time.sleep(3600)"
    if read_line() == "disguise":
        code = "open('/proc/self/comm', 'w').write('courieresmtpd'); " + code
    os.execv(os.path.join(directory, "other"), ["courieresmtpd", "-c", code])


def grandchild(directory):
    """Leaves its connection to a child of its own."""
    if os.fork() == 0:
        wait(directory)
    null = os.open("/dev/null", os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    time.sleep(3600)


def tls(directory):
    """As after STARTTLS: a detached carrier has the connection, and a socket pair leads to it."""
    slot_end, carrier_end = socket.socketpair()
    child = os.fork()
    if child == 0:
        if os.fork():
            os._exit(0)
        os.dup2(carrier_end.fileno(), 7)
        os.set_inheritable(7, True)
        os.set_inheritable(0, True)
        run_as(directory, "couriertls", "carrier")
    os.waitpid(child, 0)
    carrier_end.close()
    os.dup2(slot_end.fileno(), 0)
    os.dup2(slot_end.fileno(), 1)
    slot_end.close()
    wait(directory)


def stubborn(directory):
    """Does not end on SIGTERM."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    wait(directory)


def judged(directory, answers=True, block=True):
    """Starts its judge, which answers once or stays silent, and waits for that."""
    reading, writing = os.pipe()
    if os.fork() == 0:
        os.dup2(os.open("/dev/null", os.O_RDWR), 0)
        os.dup2(writing, 1)
        if not block:
            os.environ["BLOCK"] = ""
        run_as(directory, "submit", "judge", "1" if answers else "0")
    os.close(writing)
    if answers:
        os.read(reading, 64)
    else:
        while not os.path.exists("/proc/self/task/%d/children" % os.getpid()):
            pass
    os.set_inheritable(reading, True)


def held(directory):
    """As in the tarpit: the judge has refused, and the refusal is held back."""
    judged(directory)
    nap()
    log()
    os.write(1, REPLY)
    nap()


def refused(directory):
    """As after a failed AUTH: replies, then sleeps; the judge was asked nothing."""
    judged(directory, answers=False)
    os.write(1, b"535 no\r\n")
    nap()
    os.write(1, b"awake\r\n")


def authenticated(directory):
    """A judge that was started without the verdict, as for one who has logged in."""
    judged(directory, block=False)
    nap()
    os.write(1, b"awake\r\n")


def unjudged(directory):
    nap()
    os.write(1, b"awake\r\n")


def becomes(directory):
    """Held back, then another program of the same name as the slot's has the pid, asleep in the same way."""
    judged(directory)
    code = "import ctypes, os; ctypes.CDLL(None).sleep(3600); os.write(1, b'awake\\r\\n')"
    os.execv(os.path.join(directory, "other"), ["courieresmtpd", "-c", code])


def nap():
    """sleep(3), as Courier's tarpit does; time.sleep is another system call's business."""
    ctypes.CDLL(None).sleep(3600)


BEHAVIOURS = {f.__name__: f for f in (
    wait, late, tarpit, silent, full, two, listening, execs, grandchild, tls, stubborn,
    held, refused, authenticated, unjudged, becomes)}
# Who is listed, by source: the answer of the list.
LISTED = {"127.0.0.66": "127.0.0.2", "127.0.0.67": "127.255.255.254", "::ffff:127.0.0.66": "127.0.0.2",
          "::ffff:127.0.0.67": "127.255.255.254"}


def carrier():
    """Busy for a while with what its slot writes, and drops it when the slot ends meanwhile."""
    slot = socket.socket(fileno=7)
    while True:
        for source in select.select([0, 7], [], [])[0]:
            data = os.read(source, 4096)
            if not data:
                return
            end = time.monotonic() + (0.3 if source == 7 else 0)
            while time.monotonic() < end:
                try:
                    if not slot.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT):
                        return
                except BlockingIOError:
                    pass
            os.write(7 if source == 0 else 0, data)


def listen(directory, ports):
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    listeners = [
        socket.create_server(("::", int(port)), family=socket.AF_INET6, dualstack_ipv6=True, backlog=128)
        for port in ports.split(",")]
    print("ready %d" % os.getpid(), flush=True)
    while True:
        connection, peer = select.select(listeners, [], [])[0][0].accept()
        if os.fork() == 0:
            local = connection.getsockname()
            os.environ.update(
                TCPREMOTEIP=peer[0], TCPREMOTEPORT=str(peer[1]), TCPLOCALIP=local[0], TCPLOCALPORT=str(local[1]))
            if peer[0] in LISTED:
                os.environ.update(BLOCK="no", BLOCK_ZONE="zen.example", BLOCK_IP=LISTED[peer[0]])
            os.dup2(connection.fileno(), 0)
            os.dup2(connection.fileno(), 1)
            run_as(directory, "courieresmtpd", "slot")
        connection.close()


def install(directory):
    # Whatever the tests beside this one have open: a slot must not hold their sockets.
    os.closerange(3, 4096)
    os.environ["PYTHONHOME"] = sys.base_prefix
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    os.environ["LD_LIBRARY_PATH"] = os.path.join(sys.base_prefix, "lib")
    for name in ("couriertcpd", "courieresmtpd", "submit", "couriertls", "other"):
        shutil.copy(os.path.realpath(sys.executable), os.path.join(directory, name))


if __name__ == "__main__":
    directory, role = sys.argv[1:3]
    if role == "slot":
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        BEHAVIOURS[read_line()](directory)
    elif role == "carrier":
        carrier()
    elif role == "judge":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: it ends with its slot
        if sys.argv[3] == "1":
            os.write(1, b"511 no\n")
        time.sleep(3600)
    elif role == "listen":
        os.dup2(1, 2)
        listen(directory, sys.argv[3])
    else:
        install(directory)
        run_as(directory, "couriertcpd", "listen", role)
