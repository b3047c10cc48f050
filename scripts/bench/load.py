"""How busy the machine is while something is measured, and waiting for it to be calm.

On a machine that is shared, or on a virtual one whose host has others to serve, a measurement says
more about the neighbours than about the program: time taken by the hypervisor ("stolen") stops
everything for tens or hundreds of milliseconds.
"""

import os
import time

CALM_BUSY = 0.3  # share of all CPU time
CALM_STOLEN = 0.01
LOOK_SECONDS = 3
SPOILT_STOLEN = 0.03


class Load:
    """A context: the highest 1-minute load average at its ends, and the shares of CPU time busy and stolen within."""

    def __enter__(self):
        self.begin = _cpu_times()
        self.first = os.getloadavg()[0]
        return self

    def __exit__(self, *_):
        idle, stolen, total = (after - before for after, before in zip(_cpu_times(), self.begin))
        self.busy = 1 - idle / total if total else 0.0
        self.stolen = stolen / total if total else 0.0
        self.load = max(self.first, os.getloadavg()[0])


def _cpu_times():
    with open("/proc/stat") as file:
        fields = [int(word) for word in file.readline().split()[1:9]]
    return fields[3] + fields[4], fields[7], sum(fields)  # idle and iowait; steal; all


def measured(chosen, tell, what, function):
    """(what `function` returns, the load meanwhile). With --calm MINUTES it begins when the machine is calm, and is
    done again when too much time was stolen, as long as the minutes last."""
    deadline = time.monotonic() + chosen.calm * 60
    while True:
        _wait_for_calm(deadline, tell)
        tell(what)
        with Load() as load:
            result = function()
        if load.stolen <= SPOILT_STOLEN or time.monotonic() > deadline:
            return result, load
        tell(f"{load.stolen:.0%} of the CPU time was stolen; once more")


def _wait_for_calm(deadline, tell):
    has_said = False
    while time.monotonic() < deadline:
        with Load() as load:
            time.sleep(LOOK_SECONDS)
        if load.busy <= CALM_BUSY and load.stolen <= CALM_STOLEN:
            return
        if not has_said:
            tell(f"waiting for a calm machine (busy {load.busy:.0%}, stolen {load.stolen:.0%})")
            has_said = True
