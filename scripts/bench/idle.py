"""What breakwaterd costs when nothing happens: wake-ups, CPU, memory."""

import time

import figures
import scene
import space

SETTLE_SECONDS = 10


def add_options(parser):
    parser.add_argument("--idle-seconds", type=int, default=60, metavar="S", help="how long to watch (default %(default)s)")


def measure(found, chosen):
    for number in range(chosen.runs):
        found.tell(f"idle: {chosen.idle_seconds} s without a line, run {number + 1}")
        with figures.Load() as load:
            run = space.run(_idle, chosen)
        ticks = chosen.idle_seconds / 5
        for thread, wakeups in run["wakeups"].items():
            found.add(f"idle.wakeups.{thread}", wakeups / ticks, "per sample of 5 s", load=load)
        found.add("idle.cpu", run["cpu"] * 1000 / chosen.idle_seconds, "ms/s", load=load)
        found.add("idle.rss", run["parts"]["rss"] / 1e6, "MB", 12, load)
        found.add("idle.rss_of_files", run["parts"]["file"] / 1e6, "MB", load=load)
        found.add("idle.rss_anonymous", run["parts"]["anonymous"] / 1e6, "MB", load=load)


def _idle(chosen):
    with scene.guarded(chosen) as guard:
        time.sleep(SETTLE_SECONDS)
        before, cpu = guard.switches(), guard.cpu()
        time.sleep(chosen.idle_seconds)
        after, cpu = guard.switches(), guard.cpu() - cpu
        wakeups = {}
        for thread, (voluntary, _) in after.items():
            name = thread.partition("/")[0]
            wakeups[name] = wakeups.get(name, 0) + voluntary - before.get(thread, (0, 0))[0]
        return {"wakeups": dict(sorted(wakeups.items())), "cpu": cpu, "parts": guard.parts()}
