"""A daemon with many bans, ended and started again: from exec to its first answer, with every ban adopted."""

import re
import signal
import time

import fill
import load
import scene
import space
from bencherror import BenchError


def add_options(parser):
    fill.add_options(parser)


def measure(found, chosen):
    runs, busy = load.measured(
        chosen, found.tell, f"restart: {chosen.bans} bans, {chosen.runs} times with SIGTERM and with SIGKILL",
        lambda: space.run(_restarts, chosen))
    for name, run in runs:
        goal = 0.3 if run["adopted"] else None
        found.add(f"restart.{name}.to_answer", run["seconds"], "s", goal, busy)
        found.add(f"restart.{name}.cpu", run["cpu"], "s", load=busy)
        found.add(f"restart.{name}.ending", run["ending"], "s", load=busy)
        found.add(f"restart.{name}.bans", run["bans"], "", load=busy)
        found.add(f"restart.{name}.adopted_from_kernel", run["adopted"], "", load=busy)
        found.add(f"restart.{name}.put_back", run["put_back"], "", load=busy)
        found.add(f"restart.{name}.rss_after", run["rss"] / 1e6, "MB", 20, busy)


def _restarts(chosen):
    runs = []
    with scene.guarded(chosen) as guard:
        fill.bans(guard, chosen.bans)
        fill.settle(guard)
        for _ in range(chosen.runs):
            for name, number in (("sigterm", signal.SIGTERM), ("sigkill", signal.SIGKILL)):
                ending = guard.end(number)
                seconds = guard.start()
                cpu = guard.cpu()
                bans = int(guard.status()["bans"])
                if bans < chosen.bans:
                    raise BenchError(f"{bans} of {chosen.bans} bans after {name}")
                adopted, put_back = _adoption(guard)
                fill.settle(guard)
                runs.append((name, {"ending": ending, "seconds": seconds, "cpu": cpu, "bans": bans, "adopted": adopted,
                                    "put_back": put_back, "rss": guard.resident()[0]}))
    return runs


def _adoption(guard):
    """What it said when it had read the sets."""
    time.sleep(0.2)
    with open(guard.journal, errors="replace") as file:
        found = re.findall(r"adopted (\d+) bans from the kernel, put back (\d+)", file.read())
    if not found:
        raise BenchError("the daemon's journal does not say what it adopted")
    return int(found[-1][0]), int(found[-1][1])
