"""From a rejection in a real server's log to its free slot, and what else became of the server meanwhile.

Listed clients are rejected one after the other and stay silent, as zombies do; a guard runs as on a real host. Seen
from outside, for each: when the line stood in the log, when the client had its whole 5xx, when the process that served
it had let go of its socket (and had ended, where each connection has a process). Beside them unlisted senders deliver
messages all the time, slowly, so that one is always there: with postscreen and OpenSMTPD in the same process. Every
few sheds an unlisted client asks how long it takes to be greeted. At the end the server's log is read for what an
administrator would not like to find there, and the kernel has told whom the guard has sent signals.
"""

import contextlib
import ctypes
import json
import os
import random
import re
import select
import subprocess
import sys
import threading
import time

import compare
import instance
import kernelwatch
import measure
import mta
import namespaces
from errors import LabError

HERE = os.path.dirname(os.path.abspath(__file__))
AHEAD = 8  # clients that wait for their rejection, so that a slow greeting does not add up
NEIGHBOURS = 2
NEIGHBOUR_SECONDS = 3
GREET_EVERY = 5
LINE_SECONDS, FREED_SECONDS = 5, 15
LOOK_SECONDS = 0.0002
SETTLE_SECONDS = 7  # past the guard's first sample, which tells it the local ends
IN_MODIFY = 2  # <sys/inotify.h>
ALARMS = re.compile(
    rb"throttl|killed by signal|fatal:|panic|bad command startup|socket closed|segfault|core dumped|"
    rb"exit status [1-9]|too many|daemon (?:died|exiting)|cannot accept|refus(?:ed|ing) connections|"
    rb"rejecting connections|closed after SIGTERM|LOST child|malfunction|out of memory", re.IGNORECASE)

_libc = ctypes.CDLL(None, use_errno=True)


def run(name, options, guard, count, directory, binaries, tell):
    """What came of `count` rejections under a guard, one of those of compare.guards."""
    label, command, shed = guard
    os.makedirs(directory, exist_ok=True)
    info = instance.up(name, options, tell)
    try:
        with contextlib.ExitStack() as ending:
            watch = _kernel_watch(info, ending, tell)
            clients = ending.enter_context(Clients(name))
            before = [clients.greeting(f"198.19.250.{number + 2}") for number in range(5)]
            running = None
            if command is not None:
                running = ending.enter_context(compare.Guard(info, command, shed, directory, binaries))
                if watch:
                    watch.follow(running.process.pid)
                time.sleep(SETTLE_SECONDS)
            trial = Trial(info, clients, tell)
            begin = time.monotonic()
            trial.run(count)
            seconds = time.monotonic() - begin
            if running and running.ended():
                raise LabError(f"the guard ended before the trial did; see {running.log}")
            signals = _signals(watch, begin) if watch else None
        result = {"mta": options["mta"], "guard": label, "options": options, "seconds": round(seconds, 1),
                  **trial.result(before), "signals": signals}
        with open(os.path.join(directory, "free.json"), "w") as file:
            json.dump(result, file, indent=2)
        _keep_log(info, directory)
        return result
    finally:
        instance.down(name)


def _kernel_watch(info, ending, tell):
    try:
        return ending.enter_context(kernelwatch.KernelWatch(info["server"]["namespaces"]["pid"]))
    except LabError as error:
        tell(f"nobody sees signals: {error}")
        return None


def _signals(watch, begin):
    """How many of each signal the guard has sent to others, by number."""
    found = {}
    for signal in watch.signals(since=begin):
        found[str(signal["signal"])] = found.get(str(signal["signal"]), 0) + 1
    return found


def _keep_log(info, directory):
    with open(info["log"], "rb") as log, open(os.path.join(directory, "mail.log"), "wb") as kept:
        kept.write(log.read())


class Trial:
    def __init__(self, info, clients, tell):
        self.info, self.clients, self.tell = info, clients, tell
        self.module = mta.of(info["options"])
        self.log = Log(info["log"], self.module.REJECTION) if self.module.REJECTION else None
        self.freed, self.untold, self.stuck, self.greetings, self.failures = [], [], [], [], []
        self.neighbours = {}
        self.alive = False

    def run(self, count):
        held = {}
        for number in range(count):
            for ahead in range(number, min(number + min(AHEAD, self.info["options"]["slots"] // 3), count)):
                if ahead not in held:
                    held[ahead] = self.clients.order("hold", f"198.18.{ahead % 120}.{ahead // 120 + 2}")
            self._neighbours(number)
            self._one(held[number])
            if number % GREET_EVERY == 0:
                self.greetings.append(self.clients.greeting("198.19.251.2"))
            if number % 20 == 19:
                self.tell(f"{number + 1} of {count}: {len(self.freed)} freed, {len(self.stuck)} not")
        for key in self.neighbours:
            self.neighbours[key] = self.clients.wait(key, ("delivered", "ended"), 30)
        last = self.clients.order("deliver", "198.19.252.2", seconds=0)
        self.alive = self.clients.wait(last, ("delivered", "ended"), 30).get("delivered", False)

    def _neighbours(self, number):
        for key, known in self.neighbours.items():
            if known is None and (now := self.clients.known(key)) and ("delivered" in now or "ended" in now):
                self.neighbours[key] = now
        if sum(known is None for known in self.neighbours.values()) < NEIGHBOURS:
            source = f"198.19.{len(self.neighbours) % 200}.{len(self.neighbours) // 200 + 10}"
            self.neighbours[self.clients.order("deliver", source, seconds=NEIGHBOUR_SECONDS)] = None

    def _one(self, key):
        """One client, from its rejection to its end."""
        ready = self.clients.wait(key, ("ready", "ended"), 40)
        if "ready" not in ready:
            self.failures.append(f"{key}: {ready.get('ended', 'no answer')}")
            return
        time.sleep(random.uniform(0.05, 0.25))  # nobody is in step with anybody
        holders = _holders(self.info, self.clients.sources[key], ready["port"])
        if not holders:
            self.failures.append(f"{key}: no process holds its socket")
            return
        if self.log:
            self.log.forget()
        with Slot(holders, self.module.FORKS) as slot:
            self.clients.send({"do": "reject", "key": key})
            line = self.log.wait(self.clients.sources[key], LINE_SECONDS) if self.log else None
            freed = slot.wait(FREED_SECONDS)
        told = self.clients.wait(key, ("told", "ended"), 5)
        if not told.get("is_rejected"):
            self.untold.append(f"{key}: {told}")
        if freed is None:
            self.stuck.append(key)
        elif line is None and self.log:
            self.failures.append(f"{key}: no line of its rejection")
        else:
            closed, free = freed
            self.freed.append({"closed": closed - line if line is not None else None,
                               "line": free - line if line is not None else None,
                               "told": free - told["told"] if "told" in told else None})

    def result(self, before):
        alarms = self._alarms()
        delivered = [known for known in self.neighbours.values() if known.get("delivered")]
        return {
            "clients": len(self.freed) + len(self.stuck) + len(self.failures),
            "freed": len(self.freed), "not_freed": len(self.stuck),
            "line_to_closed_ms": quantiles([entry["closed"] for entry in self.freed]),
            "line_to_free_ms": quantiles([entry["line"] for entry in self.freed]),
            "told_to_free_ms": quantiles([entry["told"] for entry in self.freed]),
            "untold": len(self.untold), "failures": self.failures[:20],
            "greeting_ms": {"before": quantiles(before), "meanwhile": quantiles(self.greetings)},
            "greetings_failed": sum(value is None for value in self.greetings),
            "neighbours": len(self.neighbours), "neighbours_delivered": len(delivered),
            "neighbours_harmed": [known for known in self.neighbours.values() if not known.get("delivered")][:20],
            "alive": self.alive, "alarms": len(alarms), "alarm_lines": alarms[:20],
        }

    def _alarms(self):
        """Lines that an administrator would ask about, of the server's log and of those that syslog keeps."""
        places = {self.info["log"], *(os.path.join(self.info["directory"], "log", name)
                                      for name in ("mail.log", "mail.err", "exim4/paniclog"))}
        found = []
        for place in sorted(places):
            with contextlib.suppress(FileNotFoundError), open(place, "rb") as file:
                found += [line.decode("latin-1").rstrip("\n") for line in file if ALARMS.search(line)]
        return sorted(set(found))


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


def _holders(info, source, port):
    """(pid, descriptor, link) of each that the kernel shows for this peer's connection."""
    link = _socket(info["server"]["pid"], source, port)
    found = []
    if link is None:
        return found
    for pid in kernelwatch.descendants_and_self(info["server"]["pid"]):
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


class Clients:
    """held.py, started; its answers come to a thread."""

    def __init__(self, name):
        self.changed = threading.Condition()
        self.answers, self.sources = {}, {}
        self.process = subprocess.Popen(
            [sys.executable, os.path.join(HERE, "lab"), "exec", "--name", name, "--in", "client", "--",
             sys.executable, os.path.join(HERE, "held.py")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, preexec_fn=namespaces.end_with_parent)

    def __enter__(self):
        threading.Thread(target=self._read, daemon=True).start()
        return self

    def __exit__(self, *_error):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(5)
        self.process.terminate()
        self.process.wait()

    def _read(self):
        for line in self.process.stdout:
            answer = json.loads(line)
            with self.changed:
                self.answers[answer["key"]].update(answer)
                self.changed.notify_all()

    def send(self, order):
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()

    def order(self, do, source, **more):
        """The key of a new client."""
        key = f"{do} {len(self.answers)} of {source}"
        with self.changed:
            self.answers[key], self.sources[key] = {}, source
        self.send({"do": do, "key": key, "source": source, **more})
        return key

    def known(self, key):
        with self.changed:
            return dict(self.answers[key])

    def wait(self, key, words, seconds):
        """What is known when one of the words is among it, or the time is over."""
        with self.changed:
            self.changed.wait_for(lambda: any(word in self.answers[key] for word in words), seconds)
            return dict(self.answers[key])

    def greeting(self, source):
        """Seconds till the greeting; None without one."""
        return self.wait(self.order("greet", source), ("greeted", "ended"), 30).get("greeted")


def quantiles(seconds):
    """p50, p99 and the highest in milliseconds."""
    values = sorted(value * 1000 for value in seconds if value is not None)
    if not values:
        return None
    return {"n": len(values), **{label: round(values[min(int(len(values) * share), len(values) - 1)], 3)
                                 for label, share in (("p50", 0.5), ("p99", 0.99), ("max", 1.0))}}


COLUMNS = {
    "server": lambda row: row["mta"],
    "guard": lambda row: row["guard"],
    "freed": lambda row: f"{row['freed']} of {row['clients']}",
    "line to socket closed, ms p50 / p99 / max": lambda row: _cell(row["line_to_closed_ms"]),
    "line to slot free": lambda row: _cell(row["line_to_free_ms"]),
    "5xx heard to slot free": lambda row: _cell(row["told_to_free_ms"]),
    "without its 5xx": lambda row: str(row["untold"]),
    "neighbours delivered": lambda row: f"{row['neighbours_delivered']} of {row['neighbours']}",
    "greeting before / meanwhile, ms p50": lambda row: " / ".join(
        _cell(row["greeting_ms"][when]).split(" / ")[0] for when in ("before", "meanwhile")),
    "alarming lines": lambda row: str(row["alarms"]),
    "signals sent": lambda row: "?" if row["signals"] is None else
    ", ".join(f"{count} x {number}" for number, count in row["signals"].items()) or "none",
    "alive after": lambda row: "yes" if row["alive"] else "NO",
}


def _cell(found):
    return "-" if found is None else " / ".join(f"{found[key]:.1f}" for key in ("p50", "p99", "max"))


def table(rows):
    lines = [list(COLUMNS), *([column(row) for column in COLUMNS.values()] for row in rows)]
    widths = [max(len(line[index]) for line in lines) for index in range(len(COLUMNS))]
    text = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |" for line in lines]
    text.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    for row in rows:
        for rule in ("failures", "neighbours_harmed", "alarm_lines"):
            text += [f"{row['mta']}, {rule.replace('_', ' ')}: {entry}" for entry in row[rule]]
    return "\n".join(text)
