"""What the kernel says of signals and processes while a guard works: tracefs, read as it is written.

Independent of any guard: of every signal that a process of the guard sends, the kernel's tracepoint
names sender and target; who the target was at that moment follows from the tracepoints of fork,
exec and exit, and from /proc/PID/environ and /proc/PID/fd/0, read when the mail server's process
came into being.
"""

import contextlib
import os
import re
import select
import subprocess
import tempfile
import threading
import time

from errors import LabError

_LINE = re.compile(r"^\s*.+-(\d+)\s+\[\d+\] \S+ +([0-9.]+): (\w+): (.*)$")
# Not the ends of children; and code <= 0 is what a process has sent, not the kernel by itself, as for a timer
# (include/uapi/asm-generic/siginfo.h).
_EVENTS = {"signal/signal_generate": "sig != 17 && code <= 0", "sched/sched_process_fork": None,
           "sched/sched_process_exec": None, "sched/sched_process_exit": None}
_BUFFER_KILOBYTES = 4096  # per processor
_FIRST_PID_NAMESPACE = "pid:[4026531836]"  # PROC_PID_INIT_INO, linux/proc_ns.h


class KernelWatch:
    """Collects from its start to its end."""

    CAUGHT_UP_SECONDS = 0.5

    def __init__(self, namespace):
        """`namespace` is the pid namespace of the server, as `lab info` writes it."""
        self.namespace = namespace
        self.lost = 0
        self._roots = set()
        self._events = []  # (seconds, event, process, what more is known)
        self._stop = threading.Event()

    def follow(self, pid):
        """Whatever this process, and whoever it starts, sends counts as the guard's."""
        self._roots.add(pid)

    def signals(self, since):
        """Those of the guard to others since a time.monotonic(), each with what its target was at that moment.

        Told by the times of the events: of two processors' events the later may be read first.
        """
        time.sleep(self.CAUGHT_UP_SECONDS)
        found, processes, guard = [], {}, set(self._roots)
        for at, event, process, known in sorted(self._events, key=lambda event: event[0]):
            if event == "fork":
                processes[known["child"]] = {"exec": None}
                # One that has ended stays the guard's until its pid is somebody else's: it may not be reaped yet.
                if process in guard:
                    guard.add(known["child"])
                elif known["child"] not in self._roots:
                    guard.discard(known["child"])
            elif event == "exec":
                processes[process] = known
            elif event == "exit":
                # A thread's end looks the same; only of processes there is something to forget.
                processes.pop(process, None)
            elif process in guard and known["target"] not in guard and at >= since:
                found.append({"t": at, "sender": process, **known, **processes.get(known["target"], {"exec": None})})
        return found

    def __enter__(self):
        # The tracepoints name processes as the first pid namespace does: no other can tell who they are.
        if os.readlink("/proc/self/ns/pid") != _FIRST_PID_NAMESPACE:
            raise LabError("the kernel's tracepoints name processes as the host does, so nobody in a container can see "
                           "who signals whom; remedy: run the suite as root of the host itself")
        self._mount = None
        top = "/sys/kernel/tracing"
        if not os.path.exists(os.path.join(top, "instances")):
            self._mount = top = tempfile.mkdtemp(prefix="breakwater-trace-")
            if subprocess.run(["mount", "-t", "tracefs", "none", top], capture_output=True).returncode != 0:
                os.rmdir(top)
                raise LabError("no tracefs here, so nobody can see who signals whom; "
                               "remedy: run the suite as root of the host itself, not of a container")
        self._instance = os.path.join(top, "instances", f"breakwater-{os.getpid()}")
        os.mkdir(self._instance)
        self._write("trace_clock", "mono")
        self._write("buffer_percent", "0")  # the reader is woken by the first event, not when half of it is full
        self._write("buffer_size_kb", str(_BUFFER_KILOBYTES))
        for event, condition in _EVENTS.items():
            if condition:
                self._write(f"events/{event}/filter", condition)
            self._write(f"events/{event}/enable", "1")
        self._pipe = os.open(os.path.join(self._instance, "trace_pipe"), os.O_RDONLY | os.O_NONBLOCK)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def __exit__(self, *_error):
        time.sleep(0.3)  # what was traced last is read, too
        self._stop.set()
        self._reader.join()
        os.close(self._pipe)
        os.rmdir(self._instance)
        if self._mount:
            subprocess.run(["umount", self._mount], check=False)
            os.rmdir(self._mount)

    def _write(self, name, text):
        with open(os.path.join(self._instance, name), "w") as file:
            file.write(text)

    def _read(self):
        # Processes are looked at while they live, and some live for milliseconds: this thread never waits for others.
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
        rest = b""
        while True:
            stopping = self._stop.is_set()
            try:
                data = os.read(self._pipe, 1 << 16)
            except BlockingIOError:
                data = b""
            if not data:
                if stopping:
                    return
                select.select([self._pipe], [], [], 0.2)
                continue
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                self._line(line.decode("utf-8", "replace"))

    def _line(self, line):
        if "LOST" in line and "EVENTS" in line:
            self.lost += 1
            return
        parsed = _LINE.match(line)
        if not parsed:
            return
        current, at, event, rest = int(parsed[1]), float(parsed[2]), parsed[3], parsed[4]
        if event == "sched_process_fork":
            self._events.append((at, "fork", current, {"child": int(rest.rpartition("=")[2])}))
        elif event == "sched_process_exec":
            name = re.match(r"filename=(.*) pid=\d+ old_pid=\d+$", rest)
            self._events.append((at, "exec", current, {"exec": name[1] if name else rest, **self._identity(current)}))
        elif event == "sched_process_exit":
            self._events.append((at, "exit", current, {}))
        elif event == "signal_generate":
            fields = dict(part.split("=", 1) for part in rest.split(" ") if "=" in part)
            self._events.append((at, "signal", current, {"signal": int(fields["sig"]), "target": int(fields["pid"])}))

    def _identity(self, pid):
        """Whose child it is in the watched namespace, and which peer its own environment and socket name."""
        found = {}
        try:
            if os.readlink(f"/proc/{pid}/ns/pid") != self.namespace:
                return found
            with open(f"/proc/{pid}/stat") as file:
                parent = int(file.read().rpartition(")")[2].split()[1])
            with open(f"/proc/{parent}/comm") as file:
                found["parent"] = file.read().strip()
            if found["parent"] != "couriertcpd":
                return found
            with open(f"/proc/{pid}/environ", "rb") as file:
                variables = dict(part.split(b"=", 1) for part in file.read().split(b"\0") if b"=" in part)
            peer = variables.get(b"TCPREMOTEIP", b"").decode()
            found["peer"] = peer[7:] if peer.startswith("::ffff:") else peer
            found["port"] = int(variables.get(b"TCPREMOTEPORT", b"0"))
            found["socket"] = os.readlink(f"/proc/{pid}/fd/0")
        except (OSError, ValueError):
            pass  # gone again already
        return found


def descendants_and_self(pid):
    """The processes below `pid`, and itself, with all their threads."""
    found = []
    try:
        threads = [int(name) for name in os.listdir(f"/proc/{pid}/task")]
    except OSError:
        return found
    found += threads
    for thread in threads:
        try:
            with open(f"/proc/{pid}/task/{thread}/children") as file:
                for child in file.read().split():
                    found += descendants_and_self(int(child))
        except OSError:
            continue
    return found
