"""The command line against a daemon with many bans: wall time of whole programs, from start to exit."""

import os
import statistics
import subprocess
import time

import fill
import load
import scene
import space
from bencherror import BenchError

TRIES = 10


def add_options(parser):
    fill.add_options(parser)


def measure(found, chosen):
    for number in range(chosen.runs):
        run, busy = load.measured(
            chosen, found.tell, f"cli: {TRIES} of each verb with {chosen.bans} bans, run {number + 1}",
            lambda: space.run(_all, chosen))
        goals = {"list": 50, "ban": 8, "unban": 8}
        for verb, times in run.items():
            found.add(f"cli.{verb}", statistics.median(times) * 1000, "ms", goals.get(verb), busy)
            found.keep(f"cli.{verb}.ms", [round(time_ * 1000, 2) for time_ in times])


def _all(chosen):
    with scene.guarded(chosen) as guard:
        sources = fill.bans(guard, chosen.bans)
        fill.settle(guard)
        verbs = {
            "ping": lambda _: ["ping"],
            "status": lambda _: ["status"],
            "list": lambda _: ["list"],
            "list --json": lambda _: ["list", "--json"],
            "why": lambda turn: ["why", sources[turn * 37]],
            "ban": lambda turn: ["ban", f"192.0.2.{turn + 1}"],
            "unban": lambda turn: ["unban", f"192.0.2.{turn + 1}"],
        }
        environment = {**os.environ, "BREAKWATER_SOCKET": guard.socket, "BREAKWATER_CONFIG": guard.configuration}
        times = {}
        for verb, arguments in verbs.items():
            times[verb] = []
            for turn in range(TRIES):
                begin = time.monotonic()
                done = subprocess.run([guard.client, *arguments(turn)], env=environment, stdin=subprocess.DEVNULL,
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                times[verb].append(time.monotonic() - begin)
                if done.returncode != 0:
                    raise BenchError(f"breakwater {' '.join(arguments(turn))} ended with {done.returncode}: "
                                     f"{done.stderr.decode(errors='replace')}")
            if verb == "list" and done.stdout.count(b"\n") < chosen.bans:
                raise BenchError("list does not list all bans")
        return times
