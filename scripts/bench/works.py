"""The works that every guard is put to, breakwater as well as its peers: each in a network namespace of its own.

A guard may be slower than anybody wants to wait. Then the work is cut at a stated time, and how many
of the bans had come by then is part of the answer.
"""

import contextlib
import os
import random
import statistics
import subprocess
import time

import corpus
import figures
import lines
import listener
from bencherror import BenchError

PORT = 40000
TRIES = 5  # of each command


@contextlib.contextmanager
def _guarding(kind, chosen):
    with chosen.directory() as directory, kind(chosen, directory) as guard:
        yield guard


@contextlib.contextmanager
def _writing(guard):
    log = os.open(guard.log, os.O_WRONLY | os.O_APPEND)
    try:
        yield lambda data: os.write(log, data)
    finally:
        os.close(log)


def one_by_one(kind, chosen, events, cut):
    """Milliseconds from the line's write to its element, of rejections at no fixed phase; CPU of each ban."""
    sources = lines.sources(events)
    with _guarding(kind, chosen) as guard, _writing(guard) as write:
        guard.start()
        time.sleep(1)
        heard = listener.Listener()
        heard.start()
        cpu, begun = guard.cpu(), {}
        for source in sources:
            time.sleep(random.uniform(*guard.gap_seconds))
            line = lines.rejection(source, PORT, lines.stamp())
            begun[source] = time.monotonic_ns()
            write(line)
        heard.wait(events, cut)
        cpu = guard.cpu() - cpu
        arrived = _arrivals(heard, sources)
    _demand(kind, arrived)
    times = [(arrived[source] - at) / 1e6 for source, at in begun.items() if source in arrived]
    return {"p50": figures.quantile(times, 0.5), "p99": figures.quantile(times, 0.99), "times": times,
            "arrived": len(arrived), "written": events, "cpu_per_ban": cpu / len(arrived)}


def at_once(kind, chosen, count, cut):
    """Seconds from one write of many rejections, each of another source, to the last element."""
    sources = lines.sources(count)
    at = lines.stamp()
    data = b"".join(lines.rejection(source, PORT, at) for source in sources)
    with _guarding(kind, chosen) as guard, _writing(guard) as write:
        guard.start()
        time.sleep(1)
        heard = listener.Listener()
        heard.start()
        cpu, begin = guard.cpu(), time.monotonic_ns()
        if write(data) != len(data):
            raise BenchError("the rejections were not written in one piece; is the disk full?")
        is_cut = heard.wait(count, cut)
        cpu, resident = guard.cpu() - cpu, guard.resident()
        arrived = _arrivals(heard, sources)
    _demand(kind, arrived)
    return {"seconds": (max(arrived.values()) - begin) / 1e9, "arrived": len(arrived), "written": count, "cut": cut * is_cut,
            "cpu_per_ban": cpu / len(arrived), "rss": resident}


def stream(kind, chosen, rate, seconds, cut):
    """New sources at a steady rate, each line a write of its own, as a syslog daemon's are."""
    count = rate * seconds
    sources = lines.sources(count)
    with _guarding(kind, chosen) as guard, _writing(guard) as write:
        guard.start()
        time.sleep(1)
        heard = listener.Listener()
        heard.start()
        begun, at, now = {}, lines.stamp(), time.monotonic_ns
        cpu, begin = guard.cpu(), now()
        for number, source in enumerate(sources):
            line = lines.rejection(source, PORT, at)
            ahead = begin + number * 1_000_000_000 // rate - now()
            if ahead > 0:
                time.sleep(ahead / 1e9)
            begun[source] = now()
            write(line)
        written = now()
        time.sleep(1)  # who is not behind shall not be counted on while he is at it
        share = (guard.cpu() - cpu) / ((now() - begin) / 1e9)
        is_cut = heard.wait(count, cut)
        arrived = _arrivals(heard, sources)
    _demand(kind, arrived)
    times = [(arrived[source] - begun[source]) / 1e6 for source in arrived]
    return {"p50": figures.quantile(times, 0.5), "p99": figures.quantile(times, 0.99), "arrived": len(arrived),
            "written": count, "behind": max(0, max(arrived.values()) - written) / 1e9, "cut": cut * is_cut, "cpu_share": share,
            "rate": count / ((written - begin) / 1e9)}


def many(kind, chosen, count, cut):
    """Restart with many bans and empty sets, as after a boot; then memory and command line with them."""
    sources = lines.sources(count)
    with _guarding(kind, chosen) as guard:
        guard.prepare(sources)
        subprocess.run(["nft", "flush", "ruleset"], check=True)
        heard = listener.Listener()
        heard.start()
        begin = time.monotonic_ns()
        guard.begin()
        is_cut = heard.wait(count, cut)
        arrived = _arrivals(heard, sources)
        answer = {"arrived": len(arrived), "written": count, "cut": cut * is_cut,
                  "seconds": (max(arrived.values()) - begin) / 1e9 if arrived else None}
        if len(arrived) < count:
            if not guard.holds_many:
                return answer
            guard.hold(sources)
        time.sleep(5)
        answer["rss"] = guard.resident()
        answer["verbs"] = _verbs(guard, count)
        if hasattr(guard, "start_again"):
            answer["again"] = guard.start_again()
        return answer


def _verbs(guard, count):
    """Milliseconds of each command, from its start to its end."""
    times = {}
    for verb in guard.verbs(""):
        times[verb] = []
        for turn in range(TRIES):
            command = guard.verbs(f"192.0.2.{turn + 1}")[verb]
            begin = time.monotonic()
            said = guard.run(*command)
            times[verb].append((time.monotonic() - begin) * 1000)
            if verb == "list" and said.count(b".") < 3 * count:
                raise BenchError(f"{guard.name} does not list all bans")
    return {verb: statistics.median(values) for verb, values in times.items()}


def idle(kind, chosen, seconds):
    """Nothing is written: memory, CPU and wake-ups of all its processes."""
    with _guarding(kind, chosen) as guard:
        guard.start()
        time.sleep(min(10, seconds))
        cpu, wakeups = guard.cpu(), guard.switches()
        time.sleep(seconds)
        return {"rss": guard.resident(), "cpu": (guard.cpu() - cpu) / seconds,
                "wakeups": (guard.switches() - wakeups) / seconds}


def reading(kind, chosen, count):
    """Milliseconds its parser needs for a log of so many lines; None if that is not to be had by itself."""
    with _guarding(kind, chosen) as guard:
        command = guard.reading("/var/tmp/mail.log")
        if command is None:
            return None
        corpus.Corpus(guard.path("/var/tmp/mail.log"), count)
        begin = time.monotonic()
        guard.run(*command, seconds=300)
        return (time.monotonic() - begin) * 1000


def configuration(kind, chosen):
    """{path: text}, and its version as it is installed here."""
    with _guarding(kind, chosen) as guard:
        return guard.configuration(), guard.version()


def _arrivals(heard, sources):
    """{source: when its element came}; what else a guard keeps in its sets does not count."""
    time.sleep(0.5)  # where it does keep more, that was waited for, too
    wanted = set(sources)
    return {address: at for (_, address), at in heard.stop().items() if address in wanted}


def _demand(kind, arrived):
    if not arrived:
        raise BenchError(f"{kind.name} has banned nobody; does its configuration read these lines?")
