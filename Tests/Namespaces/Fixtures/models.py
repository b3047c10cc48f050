#!/usr/bin/env python3
"""Stand-ins for mail servers that are no Courier, by how their processes serve connections.

    models.py DIRECTORY PORTS MODEL      prints "ready PID", then "line PEER PORT PID" as a rejection is logged

MODEL  postfix      master, and smtpd processes that serve one connection after the other
       postscreen   master, and one process for all connections
       opensmtpd    one process for all connections, child of another
       exim         a process for each connection, forked by the daemon
       tcpserver    the same, each becoming another program

DIRECTORY receives copies of the interpreter by the servers' names. What is done with a client it says in its first line.
"""
import os
import select
import shutil
import signal
import socket
import sys
import time

REPLY = b"550 no\r\n"
NAMES = ("master", "smtpd", "postscreen", "exim4", "tcpserver", "qmail-smtpd")


def say(text):
    os.write(2, (text + "\n").encode())


def log(connection):
    peer = connection.getpeername()
    say("line %s %d %d" % (peer[0], peer[1], os.getpid()))


def run_as(program, *arguments):
    directory, ports = sys.argv[1:3]
    os.execv(os.path.join(directory, program), [program, os.path.abspath(__file__), directory, ports, *arguments])


# One connection, one process

def read_line(connection):
    line = b""
    while not line.endswith(b"\n"):
        byte = connection.recv(1)
        if not byte:
            return None
        line += byte
    return line.strip().decode()


def serve(connection):
    """Until the client has gone, or the connection is destroyed."""
    other = None
    try:
        behaviour = read_line(connection)
        if behaviour == "early":
            return dialogue(connection)
        if behaviour is None:
            return
        if behaviour == "nolog":  # another client's, not rejected
            say("line - 0 %d" % os.getpid())
        else:
            log(connection)
        if behaviour == "late":
            end = time.monotonic() + 0.4
            while time.monotonic() < end:
                pass
        elif behaviour == "milter":  # asks another process between its line and its reply, with poll(2) as for the peer
            one, other = os.pipe()
            poll = select.poll()
            poll.register(one, select.POLLIN)
            poll.poll(400)
            os.close(one)
            os.close(other)
        elif behaviour == "naps":
            time.sleep(0.4)
        elif behaviour == "second":
            other = socket.create_connection(("127.0.0.1", connection.getsockname()[1]))
        connection.sendall(REPLY)
        how = WAITS.get(behaviour, wait_reading)
        while True:
            how(connection)
            if not connection.recv(4096):
                return other
    except OSError:
        pass


def wait_reading(connection):
    pass


def wait_polling(connection):
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    poll.poll(300_000)


def wait_selecting(connection):
    select.select([connection], [], [], 300)


def wait_elsewhere(connection):
    """As Sendmail: the connection has several descriptors, and it is the last that is waited for."""
    other = os.dup(connection.fileno())
    select.select([other], [], [], 300)
    os.close(other)


def wait_epoll(connection):
    events = select.epoll()
    events.register(connection, select.EPOLLIN)
    events.poll(300)


WAITS = {"poll": wait_polling, "select": wait_selecting, "elsewhere": wait_elsewhere, "epoll": wait_epoll}


def dialogue(connection):
    """The line is written at once, the refusal is the answer to the second command."""
    log(connection)
    connection.sendall(b"220 hello\r\n")
    for answer in (b"250 hello\r\n", REPLY, REPLY, REPLY):
        if read_line(connection) is None:
            return
        connection.sendall(answer)
    connection.recv(1)


# One process for all

def serve_all(listeners):
    """Busy in between when a client has said so: it never sleeps for long then."""
    events = select.epoll()
    clients = {}
    for listener in listeners:
        events.register(listener, select.EPOLLIN)
    busy = False
    while True:
        for number, what in events.poll(0.001 if busy else -1):
            found = [listener for listener in listeners if listener.fileno() == number]
            if found:
                connection = found[0].accept()[0]
                clients[connection.fileno()] = connection
                events.register(connection, select.EPOLLIN)
                continue
            connection = clients[number]
            try:
                data = connection.recv(4096)
            except OSError:
                data = b""
            if not data:
                events.unregister(connection)
                del clients[number]
                connection.close()
                say("closed")
            elif data == b"nolog\n":
                say("line - 0 %d" % os.getpid())
            elif data == b"busy\n":
                busy = True
                say("line - 0 %d" % os.getpid())
            elif data == b"late\n":
                log(connection)
                end = time.monotonic() + 0.4
                while time.monotonic() < end:
                    pass
                connection.sendall(REPLY)
            else:
                log(connection)
                connection.sendall(REPLY)
        end = time.monotonic() + (0.003 if busy else 0)
        while time.monotonic() < end:
            pass


def listen(ports):
    return [socket.create_server(("::", int(port)), family=socket.AF_INET6, dualstack_ipv6=True, backlog=128)
            for port in ports.split(",")]


def inherited(numbers):
    return [socket.socket(fileno=int(number)) for number in numbers.split(",")]


def pass_on(listeners):
    for listener in listeners:
        listener.set_inheritable(True)
    return ",".join(str(listener.fileno()) for listener in listeners)


def end_with_parent():
    import ctypes
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def start(program, role, numbers):
    pid = os.fork()
    if pid == 0:
        end_with_parent()
        run_as(program, role, numbers)
    return pid


def ready():
    say("ready %d" % os.getpid())


def main():
    role = sys.argv[3]
    if role in NAMES or role in ("postfix", "opensmtpd", "exim"):
        install(role)
    elif role == "run-postfix" or role == "run-postscreen":
        listeners = listen(sys.argv[2])
        numbers = pass_on(listeners)
        if role == "run-postscreen":
            start("postscreen", "all", numbers)
        else:
            for _ in range(4):
                start("smtpd", "one", numbers)
        ready()
        while True:
            os.waitpid(-1, 0)
    elif role == "run-opensmtpd":
        if os.fork() == 0:
            end_with_parent()
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            listeners = listen(sys.argv[2])
            ready()
            serve_all(listeners)
        while True:
            signal.pause()
    elif role == "one":
        listeners = inherited(sys.argv[4])
        while True:
            connection = select.select(listeners, [], [])[0][0].accept()[0]
            serve(connection)
            connection.close()
            say("idle %d" % os.getpid())
    elif role == "all":
        serve_all(inherited(sys.argv[4]))
    elif role == "slot":
        serve(socket.socket(fileno=0))
    else:
        fork_for_each(role)


def fork_for_each(role):
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    listeners = listen(sys.argv[2])
    ready()
    while True:
        connection = select.select(listeners, [], [])[0][0].accept()[0]
        if os.fork() == 0:
            end_with_parent()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for listener in listeners:
                listener.close()
            if role == "run-tcpserver":
                os.dup2(connection.fileno(), 0)
                os.dup2(connection.fileno(), 1)
                connection.close()
                run_as("qmail-smtpd", "slot")
            serve(connection)
            os._exit(0)
        connection.close()


def install(model):
    os.closerange(3, 4096)
    os.dup2(1, 2)
    os.environ["PYTHONHOME"] = sys.base_prefix
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    os.environ["LD_LIBRARY_PATH"] = os.path.join(sys.base_prefix, "lib")
    for name in NAMES:
        shutil.copy(os.path.realpath(sys.executable), os.path.join(sys.argv[1], name))
    first = {"postfix": "master", "postscreen": "master", "opensmtpd": "smtpd", "exim": "exim4"}.get(model, model)
    run_as(first, "run-" + model)


if __name__ == "__main__":
    main()
