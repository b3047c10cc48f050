"""What it costs to know who holds which slot, and to answer listed peers early, on a real Courier with its tarpit on.

    quiet   N listed peers are connected and say nothing; nothing else happens
    wave    the same, and listed peers come, are rejected and shed, so many a second

CPU is breakwaterd's own, all threads. `reply` is the client's view: RCPT sent to 511 read whole, 8 s without
answering early.
"""

import os
import time

import daemon
import figures
import instance
import load
import mta
import namespaces
import shed
import slots
import tree
from bencherror import BenchError

NAME = "held"
RATE = 25  # listed peers a second
SECONDS = 20  # of each part


def add_options(parser):
    parser.add_argument("--slots", default="300,3000", metavar="N,...", help="slots held (default %(default)s)")


def measure(found, chosen):
    tree.of_server(found.tell, mta.KINDS["courier"])
    for count in (int(word) for word in chosen.slots.split(",")):
        for number in range(chosen.runs):
            run, busy = load.measured(chosen, found.tell, f"held: {count} slots, run {number + 1}",
                                      lambda: _in_lab(chosen, found.tell, count))
            found.add(f"held.{count}.quiet_cpu", run["quiet"] * 100, "% of a core", load=busy)
            found.add(f"held.{count}.wave_cpu", run["wave"] * 100, "% of a core", load=busy)
            found.add(f"held.{count}.reply_p50", figures.quantile(run["replies"], 0.5) * 1000, "ms", load=busy)
            found.add(f"held.{count}.reply_p99", figures.quantile(run["replies"], 0.99) * 1000, "ms", load=busy)


def _in_lab(chosen, tell, count):
    info = instance.up(NAME, {**instance.DEFAULT_OPTIONS, "slots": count + 200}, tell)
    try:
        command = [shed.LAB, "exec", "--name", NAME, "--in", "server", "--", os.path.join(chosen.bin, "breakwaterd")]
        with (chosen.directory() as directory,
              daemon.Daemon(chosen.bin, directory, log=info["log"], command=command) as guard):
            guard.pid = _itself(guard.pid)
            holding, stop = os.pipe()
            ready, are_ready = os.pipe()
            child = os.fork()
            if child == 0:
                try:
                    os.close(stop)
                    namespaces.end_with_parent()
                    namespaces.enter(info["client"]["pid"])
                    kept = [_silent(number) for number in range(count)]
                    os.write(are_ready, b"!")
                    os.read(holding, 1)
                    kept.clear()
                finally:
                    os._exit(0)
            os.close(holding)
            os.close(are_ready)
            try:
                if os.read(ready, 1) != b"!":
                    raise BenchError(f"{count} connections could not be opened")
                time.sleep(15)  # past the starts, and past a sample
                quiet = _share(guard, lambda: time.sleep(SECONDS))
                replies = []
                wave = _share(guard, lambda: replies.extend(
                    shed.in_client(info, _wave, int(RATE * SECONDS), RATE)))
                return {"quiet": quiet, "wave": wave, "replies": replies}
            finally:
                os.close(stop)
                os.close(ready)
                os.waitpid(child, 0)
    finally:
        instance.down(NAME)


def _itself(pid):
    """The daemon behind the process that brought it into the lab."""
    while True:
        with open(f"/proc/{pid}/comm") as file:
            if file.read() == "breakwaterd\n":
                return pid
        below = slots.children(pid)
        if not below:
            raise BenchError("breakwaterd is not where it was started")
        pid = below[0]


def _share(guard, function):
    """Of one core's time, how much the daemon used while `function` ran."""
    begin, before = time.monotonic(), guard.cpu()
    function()
    return (guard.cpu() - before) / (time.monotonic() - begin)


# In the client's namespaces


def _silent(number):
    """A listed peer that has its banner and says nothing. At most 40 of one /24, as Courier counts those."""
    connection = shed._connection(f"198.18.{number // 40}.{number % 40 + 200}")
    shed._reply(connection)
    return connection


def _wave(count, rate):
    """Seconds from RCPT to the whole 511, of each that came."""
    replies, open_connections = [], []
    begin = time.monotonic()
    for number in range(count):
        time.sleep(max(0, begin + number / rate - time.monotonic()))
        connection = shed._connection(f"198.18.{number % 120}.{number // 120 + 2}")
        shed._dialogue(connection)
        connection.sendall(b"RCPT TO:<bob@mail.example>\r\n")
        connection.setblocking(False)
        open_connections.append((connection, time.monotonic()))
        _take(replies, open_connections)
    deadline = time.monotonic() + 10
    while open_connections and time.monotonic() < deadline:
        time.sleep(0.001)
        _take(replies, open_connections)
    if open_connections:
        raise BenchError(f"{len(open_connections)} of {count} had no 511 within 10 s")
    return replies


def _take(replies, open_connections):
    for entry in list(open_connections):
        try:
            data = entry[0].recv(4096)
        except BlockingIOError:
            continue
        if not data.startswith(b"511 "):
            raise BenchError(f"a listed peer was told {data!r}")
        replies.append(time.monotonic() - entry[1])
        open_connections.remove(entry)
        entry[0].close()
