"""Line written to element in the set, seen from outside the daemon."""

import os
import random
import subprocess
import time

import figures
import lines
import listener
import load
import scene
import space

PORT = 40000
RULER_SET = """table inet breakwater {
  set banned4 { type ipv4_addr; flags timeout; counter; size 1000000; }
}
"""


def add_options(parser):
    parser.add_argument("--events", type=int, default=150, metavar="N", help="rejections of a run when idle (default %(default)s)")
    parser.add_argument("--rate", type=int, default=2000, metavar="N",
                        help="rejections per second of a run under load (default %(default)s)")
    parser.add_argument("--seconds", type=int, default=30, metavar="S", help="length of a run under load (default %(default)s)")


def measure(found, chosen):
    for number in range(chosen.runs):
        times, busy = load.measured(chosen, found.tell, f"latency: the ruler alone, run {number + 1}",
                                    lambda: space.run(_ruler, chosen.events))
        _add(found, "latency.ruler", times, busy)

        times, busy = load.measured(chosen, found.tell, f"latency: {chosen.events} rejections one by one, run {number + 1}",
                                    lambda: space.run(_idle, chosen))
        _add(found, "latency.idle", times, busy, {0.5: 0.15, 0.99: 1.0})

        run, busy = load.measured(
            chosen, found.tell, f"latency: {chosen.rate} rejections per second for {chosen.seconds} s, run {number + 1}",
            lambda: space.run(_busy, chosen))
        _add(found, "latency.busy", run["times"], busy)
        found.add("latency.busy.behind", run["behind"], "ms", load=busy)
        found.add("latency.busy.written", run["rate"], "lines/s", load=busy)
        found.add("latency.busy.cpu", run["cpu"], "% of one CPU", load=busy)
        found.add("latency.busy.cpu_per_line", run["cpu_per_line"], "us", load=busy)
        found.add("latency.busy.daemon_p50", run["daemon_p50"], "ms", load=busy)


def _add(found, name, times, busy, goals={}):
    for label, share in (("p50", 0.5), ("p99", 0.99), ("max", 1)):
        found.add(f"{name}.{label}", figures.quantile(times, share) / 1e6, "ms", goals.get(share), busy)
    found.keep(name + ".us", [round(time_ / 1000, 1) for time_ in times] if len(times) <= 1000 else
               {f"p{share * 100:g}": figures.quantile(times, share) / 1000
                for share in (0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1)})


def _ruler(events):
    """An element put in by ourselves to its notification: kernel, listener, and one system call of Python."""
    subprocess.run(["nft", "-f", "-"], input=RULER_SET, text=True, check=True)
    heard = listener.Listener()
    heard.start()
    writer = listener.Writer("banned4")
    begun = {}
    for source in lines.sources(events):
        _random_pause()
        begun[source] = writer.add(source)
    time.sleep(0.2)
    return _differences(begun, heard.stop())


def _idle(chosen):
    with scene.guarded(chosen) as guard:
        time.sleep(1)
        heard = listener.Listener()
        heard.start()
        begun = {}
        log = os.open(guard.log, os.O_WRONLY | os.O_APPEND)
        for source in lines.sources(chosen.events):
            _random_pause()
            line = lines.rejection(source, PORT, lines.stamp())
            begun[source] = time.monotonic_ns()
            os.write(log, line)
        guard.wait_for("bans", len(begun), 30)
        time.sleep(0.2)
        return _differences(begun, heard.stop())


def _busy(chosen):
    """Every rejection is of a new source and a write of its own, as a syslog daemon's are."""
    count = chosen.rate * chosen.seconds
    with scene.guarded(chosen) as guard:
        time.sleep(1)
        heard = listener.Listener()
        heard.start()
        log = os.open(guard.log, os.O_WRONLY | os.O_APPEND)
        begun, at, now = {}, lines.stamp(), time.monotonic_ns
        step = 1_000_000_000 // chosen.rate
        sources = lines.sources(count)
        cpu, begin = guard.cpu(), now()
        for number, source in enumerate(sources):
            line = lines.rejection(source, PORT, at)
            ahead = begin + number * step - now()
            if ahead > 0:
                time.sleep(ahead / 1e9)
            begun[source] = now()
            os.write(log, line)
        written = now()
        guard.wait_for("bans", count, 120)
        cpu = guard.cpu() - cpu
        status = guard.status()
        time.sleep(0.2)
        seen = heard.stop()
    times = _differences(begun, seen)
    last = max(seen.values())
    return {"times": times, "behind": max(0, last - written) / 1e6, "rate": count / ((written - begin) / 1e9),
            "cpu": 100 * cpu / ((last - begin) / 1e9), "cpu_per_line": cpu / count * 1e6,
            "daemon_p50": int(status["ban_p50_us"]) / 1000}


def _random_pause():
    """Long enough that everything sleeps again, and at no fixed phase of any clock."""
    time.sleep(random.uniform(0.03, 0.13))


def _differences(begun, seen):
    arrived = {address: at for (name, address), at in seen.items()}
    return [arrived[address] - at for address, at in begun.items()]
