"""Many rejections in one write, each of another source: until all are in the sets, and what memory it takes."""

import os
import time

import lines
import listener
import load
import scene
import space
from bencherror import BenchError

PORT = 40000
SETTLE_SECONDS = 20


def add_options(parser):
    parser.add_argument("--burst", type=int, default=10_000, metavar="N",
                        help="rejections in one write (default %(default)s)")


def measure(found, chosen):
    for number in range(chosen.runs):
        for family in (4, 6):
            run, busy = load.measured(
                chosen, found.tell, f"burst: {chosen.burst} IPv{family} sources in one write, run {number + 1}",
                lambda: space.run(_burst, chosen, family))
            name = "burst" if family == 4 else "burst.ipv6"
            found.add(f"{name}.all_in_set", run["seconds"], "s", 0.1, busy)
            found.add(f"{name}.first_in_set", run["first"], "s", load=busy)
            found.add(f"{name}.cpu", run["cpu"], "s", load=busy)
            for when in ("before", "peak", "after"):
                found.add(f"{name}.rss_{when}", run[when] / 1e6, "MB", load=busy)
            found.add(f"{name}.stored_bans", run["bans"], "", load=busy)
            found.add(f"{name}.stored_decisions", run["decisions"], "", load=busy)


def _burst(chosen, family):
    sources = lines.sources(chosen.burst) if family == 4 else lines.sources6(chosen.burst)
    at = lines.stamp()
    data = b"".join(lines.rejection(source, PORT, at) for source in sources)
    with scene.guarded(chosen) as guard:
        time.sleep(2)
        before, _ = guard.resident()
        guard.forget_peak()
        cpu = guard.cpu()
        heard = listener.Listener()
        heard.start()
        log = os.open(guard.log, os.O_WRONLY | os.O_APPEND)
        begin = time.monotonic_ns()
        if os.write(log, data) != len(data):
            raise BenchError("the burst was not written in one piece; is the disk full?")
        guard.wait_for("bans", chosen.burst, 60)
        time.sleep(1)
        seen = heard.stop()
        # Decisions are still on their way to disk for a while.
        time.sleep(SETTLE_SECONDS)
        after, peak = guard.resident()
        cpu = guard.cpu() - cpu
        bans, decisions = guard.stored("bans"), guard.stored("decisions WHERE kind = 'ban'")
    if len(seen) != chosen.burst:
        raise BenchError(f"{len(seen)} of {chosen.burst} sources came into the sets")
    return {"seconds": (max(seen.values()) - begin) / 1e9, "first": (min(seen.values()) - begin) / 1e9,
            "before": before, "peak": peak, "after": after, "cpu": cpu, "bans": bans, "decisions": decisions}
