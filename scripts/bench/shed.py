"""Rejection in the log to free slot, on a real Courier in the lab, with TARPIT=0.

    alone      one listed sender after the other; the line is Courier's own, through its syslog daemon. The
               sender's kernel delays its acknowledgement of the 5xx by 40 ms, as Linux does in a dialogue
    alone_quick   the same with senders whose kernel acknowledges at once
    wave       the same while the lab's wave runs, over all its zombies
    by_hand    connections that Courier serves and has not rejected; the line is written by us, so that
               nothing is waited for but breakwaterd: the 5xx counts as delivered, since nothing is in flight
    by_hand_busy   the same while 2,000 rejections a second of other sources are written

From the line's appearance in the file to the end of the process, as seen from outside; `daemon` is
what breakwaterd says of itself, from having read the line.
"""

import argparse
import os
import random
import socket
import time

import daemon
import figures
import instance
import lines
import load
import mta
import namespaces
import network
import plan
import slots
import space
import tree
import trial
from bencherror import BenchError

NAME = "bench"
WAVE = "0:5,10:25,40:25,50:5"
HERE = os.path.dirname(os.path.abspath(__file__))
LAB = os.path.join(os.path.dirname(HERE), "lab", "lab")
LINGER_SECONDS = 20


def add_options(parser):
    parser.add_argument("--connections", type=int, default=100, metavar="N",
                        help="connections shed one by one in a run (default %(default)s)")
    parser.add_argument("--wave", default=WAVE, metavar="T:R,...", help="profile of the wave (default %(default)s)")


def measure(found, chosen):
    for number in range(chosen.runs):
        for name in ("alone", "alone_quick", "wave", "by_hand", "by_hand_busy"):
            part(found, chosen, name, number)


def part(found, chosen, name, number):
    """One run of one part."""
    tree.of_server(found.tell, mta.KINDS["courier"])
    function = {"alone": _alone, "alone_quick": _alone_quick, "wave": _wave, "by_hand": _by_hand,
                "by_hand_busy": _by_hand_busy}[name]
    run, busy = load.measured(chosen, found.tell, f"shed: {name}, run {number + 1}",
                              lambda: _in_lab(function, chosen, found.tell))
    times = run["times"]
    for label, share in (("p50", 0.5), ("p99", 0.99), ("max", 1)):
        found.add(f"shed.{name}.{label}", figures.quantile(times, share) / 1e6, "ms", load=busy)
    found.add(f"shed.{name}.daemon_p50", run["daemon_p50"], "ms", load=busy)
    found.add(f"shed.{name}.daemon_p99", run["daemon_p99"], "ms", load=busy)
    for key in ("connections", "seen", "rejected_sources", "told", "legit", "legit_delivered"):
        if key in run:
            found.add(f"shed.{name}.{key}", run[key], "", load=busy)


def _in_lab(function, chosen, tell):
    info = instance.up(NAME, {**instance.DEFAULT_OPTIONS, "tarpit": 0}, tell)
    try:
        command = [LAB, "exec", "--name", NAME, "--in", "server", "--", os.path.join(chosen.bin, "breakwaterd")]
        with (chosen.directory() as directory,
              daemon.Daemon(chosen.bin, directory, log=info["log"], command=command) as guard):
            time.sleep(6)  # past its first sample, which tells it the local ends
            run = function(info, chosen, guard, directory)
            status = guard.status()
            run["daemon_p50"] = int(status["free_p50_us"]) / 1000
            run["daemon_p99"] = int(status["free_p99_us"]) / 1000
            return run
    finally:
        instance.down(NAME)


def _alone_quick(info, chosen, guard, directory):
    return _alone(info, chosen, guard, directory, is_quick=True)


def _alone(info, chosen, guard, _directory, is_quick=False):
    watcher = slots.Watcher(info["log"], slots.listener_of(info["server"]["pid"]))
    watcher.start()
    told = in_client(info, _listed_senders, chosen.connections, is_quick)
    time.sleep(0.5)
    seen = watcher.stop()
    times = [entry["end"] - entry["line"] for entry in seen.values() if "line" in entry and "end" in entry]
    if len(times) < chosen.connections * 0.95:
        raise BenchError(f"only {len(times)} of {chosen.connections} were seen from line to end")
    return {"times": times, "connections": chosen.connections, "told": told}


def _wave(info, chosen, guard, directory):
    watcher = slots.Watcher(info["log"], slots.listener_of(info["server"]["pid"]))
    watcher.start()
    parser = argparse.ArgumentParser()
    plan.add_options(parser)
    wave = plan.options(parser.parse_args(["--profile", chosen.wave, "--tail", "5"]), info["options"])
    summary = trial.run(NAME, wave, os.path.join(directory, "wave"))
    seen = watcher.stop()
    times = [entry["end"] - entry["line"] for entry in seen.values() if "line" in entry and "end" in entry]
    return {"times": times, "connections": summary["connections"], "seen": len(times),
            "rejected_sources": summary["rejected_sources"], "told": summary["told_sources"],
            "legit": summary["legit"]["messages"], "legit_delivered": summary["legit"]["delivered"]}


def _by_hand(info, chosen, guard, _directory, pause=lambda: time.sleep(random.uniform(0.03, 0.13))):
    """Our line and the process's end are both seen by this process, so there is one clock and one wake-up."""
    listener = slots.listener_of(info["server"]["pid"])
    log = os.open(info["log"], os.O_WRONLY | os.O_APPEND)
    sender = Sender(info)
    times = []
    try:
        for number in range(chosen.connections):
            source = f"198.19.{number % 250 + 1}.{number // 250 + 2}"
            port = sender.connect(source)
            peer = (f"::ffff:{source}", port)
            pidfd = os.pidfd_open(slots.slot_of(listener, peer))
            pause()
            line = lines.rejection(source, port, lines.stamp())
            begin = time.monotonic_ns()
            os.write(log, line)
            end = slots.wait_for_end(pidfd, 20)
            os.close(pidfd)
            if end is None:
                raise BenchError(f"{source} was not shed within 20 s: {guard.last_words()}")
            times.append(end - begin)
    finally:
        sender.end()
    return {"times": times, "connections": chosen.connections}


def _by_hand_busy(info, chosen, guard, directory):
    stop_reading, stop = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(stop)
        try:
            namespaces.end_with_parent()
            _write_others(info["log"], stop_reading, 2000)
        finally:
            os._exit(0)
    os.close(stop_reading)
    try:
        time.sleep(1)
        return _by_hand(info, chosen, guard, directory)
    finally:
        os.close(stop)
        os.waitpid(child, 0)


def _write_others(path, stop, rate):
    """Rejections of other sources, each of its own, until the pipe is closed."""
    os.set_blocking(stop, False)
    log = os.open(path, os.O_WRONLY | os.O_APPEND)
    begin = time.monotonic()
    for number, source in enumerate(lines.sources(200_000)):
        ahead = begin + number / rate - time.monotonic()
        if ahead > 0:
            time.sleep(ahead)
        if number % 100 == 0:
            at = lines.stamp()
            try:
                if os.read(stop, 1) == b"":
                    return
            except BlockingIOError:
                pass
        os.write(log, lines.rejection(source, 40000, at))


# In the client's namespaces


def in_client(info, function, *arguments):
    """What `function` returns in the client's network."""
    return space.forked(lambda: (namespaces.enter(info["client"]["pid"]), function(*arguments))[1])


def _listed_senders(count, is_quick):
    """One after the other; each thinks before RCPT, is rejected, and stays. How many had their 511 whole."""
    told = 0
    for number in range(count):
        source = f"198.18.{number % plan.ZOMBIE_NETS}.{number // plan.ZOMBIE_NETS + 2}"
        with _connection(source) as connection:
            _dialogue(connection)
            time.sleep(random.uniform(0.15, 0.3))
            connection.sendall(b"RCPT TO:<bob@mail.example>\r\n")
            if is_quick:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)  # sending has ended it
            told += _reply(connection).startswith(b"511 ")
            connection.settimeout(LINGER_SECONDS)
            if connection.recv(1):
                raise BenchError("the server said more than its 511")
    return told


def _connection(source):
    connection = socket.socket()
    connection.settimeout(30)
    connection.setsockopt(socket.IPPROTO_IP, 15, 1)  # IP_FREEBIND, <linux/in.h>
    connection.bind((source, 0))
    connection.connect((network.SERVER4, 25))
    return connection


def _dialogue(connection):
    _reply(connection)
    for command in (b"EHLO zombie.example\r\n", b"MAIL FROM:<spam@zombie.example>\r\n"):
        connection.sendall(command)
        _reply(connection)


def _reply(connection):
    data = b""
    while not data.endswith(b"\r\n") or data[data.rfind(b"\n", 0, -1) + 1:][3:4] == b"-":
        more = connection.recv(4096)
        if not more:
            raise BenchError(f"the server closed after {data!r}")
        data += more
    return data


class Sender:
    """A process on the client's side that opens connections when asked, and keeps them."""

    def __init__(self, info):
        self.mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.pid = os.fork()
        if self.pid == 0:
            self.mine.close()
            try:
                namespaces.end_with_parent()
                namespaces.enter(info["client"]["pid"])
                kept = []
                while source := theirs.recv(100):
                    connection = _connection(source.decode())
                    _dialogue(connection)
                    kept.append(connection)
                    theirs.send(str(connection.getsockname()[1]).encode())
            finally:
                os._exit(0)
        theirs.close()

    def connect(self, source):
        """The port of a new connection whose MAIL has been answered."""
        self.mine.send(source.encode())
        answer = self.mine.recv(100)
        if not answer:
            raise BenchError("the client could not connect")
        return int(answer)

    def end(self):
        self.mine.close()
        os.waitpid(self.pid, 0)
