"""What breakwaterd costs when nothing happens: wake-ups, CPU, memory."""

import time

import load
import scene
import space

SETTLE_SECONDS = 10


def add_options(parser):
    parser.add_argument("--idle-seconds", type=int, default=60, metavar="S", help="how long to watch (default %(default)s)")


def measure(found, chosen):
    for number in range(chosen.runs):
        run, busy = load.measured(chosen, found.tell, f"idle: {chosen.idle_seconds} s without a line, run {number + 1}",
                                  lambda: space.run(_idle, chosen))
        ticks = chosen.idle_seconds / 5
        for thread, wakeups in run["wakeups"].items():
            found.add(f"idle.wakeups.{thread}", wakeups / ticks, "per sample of 5 s", load=busy)
        found.add("idle.cpu", run["cpu"] * 1000 / chosen.idle_seconds, "ms/s", load=busy)
        found.add("idle.rss", run["parts"]["rss"] / 1e6, "MB", 12, busy)
        found.add("idle.rss_of_files", run["parts"]["file"] / 1e6, "MB", load=busy)
        found.add("idle.rss_anonymous", run["parts"]["anonymous"] / 1e6, "MB", load=busy)


def _idle(chosen):
    with scene.guarded(chosen) as guard:
        time.sleep(SETTLE_SECONDS)
        before, cpu = guard.switches(), guard.cpu()
        time.sleep(chosen.idle_seconds)
        after, cpu = guard.switches(), guard.cpu() - cpu
        wakeups = {name: count - before.get(name, 0) for name, count in sorted(after.items())}
        return {"wakeups": wakeups, "cpu": cpu, "parts": guard.parts()}
