"""What the kernel says of signals and processes while a guard works: tracefs, read as it is written.

Independent of any guard: of every signal that a process of the guard sends, the kernel's tracepoint
names sender and target; who the target was at that moment follows from the tracepoints of fork,
exec and exit, and from /proc/PID/environ and /proc/PID/fd/0, read when the mail server's process
came into being.
"""

import os
import re
import select
import subprocess
import tempfile
import threading
import time

from errors import LabError

_LINE = re.compile(r"^\s*.+-(\d+)\s+\[\d+\] \S+ +([0-9.]+): (\w+): (.*)$")
_EVENTS = {"signal/signal_generate": "sig != 17", "sched/sched_process_fork": None, "sched/sched_process_exec": None,
           "sched/sched_process_exit": None}
_BUFFER_KILOBYTES = 4096  # per processor


class KernelWatch:
    """Collects from its start to its end. `signals` are those of the guard's processes."""

    def __init__(self, namespace):
        """`namespace` is the pid namespace of the server, as `lab info` writes it."""
        self.namespace = namespace
        self.guard = set()
        self.processes = {}  # pid -> what it is now
        self.signals, self.lost = [], 0
        self._stop = threading.Event()

    def __enter__(self):
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

    def follow(self, pid):
        """From now on what this process, and whoever it starts, sends counts as the guard's."""
        self.guard.add(pid)

    def _read(self):
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
            child = int(re.search(r"child_pid=(\d+)$", rest)[1])
            self.processes[child] = {"exec": None}
            if current in self.guard:
                self.guard.add(child)
        elif event == "sched_process_exec":
            name = re.match(r"filename=(.*) pid=\d+ old_pid=\d+$", rest)
            self.processes[current] = {"exec": name[1] if name else rest, **self._identity(current)}
        elif event == "sched_process_exit":
            # A thread's end looks the same; only of processes there is something to forget.
            self.processes.pop(current, None)
        elif event == "signal_generate" and current in self.guard:
            fields = dict(part.split("=", 1) for part in rest.split(" ") if "=" in part)
            target = int(fields["pid"])
            if target not in self.guard:
                self.signals.append({"t": at, "sender": current, "signal": int(fields["sig"]), "target": target,
                                     **(self.processes.get(target) or self._late(target))})

    def _late(self, pid):
        """A process that was there before the watch began."""
        try:
            return {"exec": os.readlink(f"/proc/{pid}/exe"), **self._identity(pid)}
        except OSError:
            return {"exec": None}

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
