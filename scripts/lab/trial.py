"""One wave against one lab: starts wave.py and measure.py where they belong, shows progress, sums up."""

import contextlib
import json
import os
import subprocess
import sys
import time

import instance
import measure
import namespaces
import outcome
import plan
from errors import LabError

HERE = os.path.dirname(os.path.abspath(__file__))
PLAIN_PROGRESS_EVERY = 15  # seconds, where stderr is no terminal


def run(name, chosen, out, watch=None):
    """Returns the summary, which is in out/summary.json as well.

    `watch` is called every second and returns what it wants to add to the line of progress.
    """
    state = instance.alive(name)
    limit = state["options"]["slots"]
    try:
        os.makedirs(out, exist_ok=True)
    except OSError as error:
        raise LabError(f"--out {out}: {error.strerror}") from None
    out = os.path.abspath(out)
    # Time for two programs to start, and for messages before the wave.
    given = {**chosen, "out": out, "start": time.monotonic() + 1 + (plan.KNOWN_SECONDS if chosen["known"] else 0)}
    measured = {"out": out, "start": given["start"], "seconds": plan.length(chosen),
                "mta": state["options"]["mta"], "root": os.path.join(instance.directory(name), "root")}
    with contextlib.ExitStack() as ending:
        measurer = _inside(name, "server", "measure.py", measured, ending)
        zombies = _inside(name, "client", "wave.py", given, ending)
        for line in zombies.stdout:
            _show(json.loads(line), out, limit, watch() if watch else "")
        if zombies.wait() != 0:
            raise LabError(f"the wave ended early with status {zombies.returncode}")
        if measurer.wait() != 0:
            raise LabError(f"the measurer ended early with status {measurer.returncode}")
    result = {**outcome.summary(out, chosen), "server": _server(out, limit), "wave": chosen,
              "options": state["options"]}
    with open(os.path.join(out, "summary.json"), "w") as file:
        json.dump(result, file, indent=2)
    return result


def _inside(name, side, program, given, ending):
    process = subprocess.Popen(
        [sys.executable, os.path.join(HERE, "lab"), "exec", "--name", name, "--in", side, "--",
         sys.executable, os.path.join(HERE, program), json.dumps(given)],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, preexec_fn=namespaces.end_with_parent)
    ending.callback(_end, process)
    return process


def _end(process):
    process.terminate()  # no effect on one that has ended
    process.wait()
    process.stdout.close()


def _show(progress, out, limit, more):
    if not sys.stderr.isatty() and progress["t"] % PLAIN_PROGRESS_EVERY:
        return
    sampled = measure.samples(out)
    if sampled:
        now = sampled[-1]
        print(f"t={progress['t']}s slots {now['slots']:.0f}/{limit} established {now['established']:.0f} "
              f"zombies {progress['open']} of {progress['started']} told {progress['told']} "
              f"legit {progress['legit_ok']}/{progress['legit']} {more}".rstrip(), file=sys.stderr, flush=True)


def _server(out, limit):
    sampled = measure.samples(out)

    def peak(column):
        return max((sample[column] for sample in sampled), default=None)

    return {"limit": limit, "samples": len(sampled), "peak_slots": peak("slots"),
            "seconds_at_limit": sum(sample["slots"] >= limit for sample in sampled),
            "peak_established": peak("established"), "peak_pss_kb": peak("pss_kb"), "peak_load": peak("load")}


def text(result):
    """The summary for people."""
    server, legit = result["server"], result["legit"]
    lines = [
        f"slots        peak {server['peak_slots']:.0f} of {server['limit']}, "
        f"{server['seconds_at_limit']} s at the limit of {server['samples']} s",
        f"established  peak {server['peak_established']:.0f}",
        f"zombies      {result['connections']} connections of {result['sources']} sources, "
        f"{result['banners']} got a banner",
        "             " + ", ".join(f"{end} {count}" for end, count in result["ends"].items()),
        f"told         {share(result['told_share'])} of rejected sources "
        f"({result['told_sources']}/{result['rejected_sources']})",
        f"legit        {delivery(legit)}",
    ]
    if result["auth_listed"]["messages"]:
        lines.append(f"auth-listed  {delivery(result['auth_listed'])}")
    lines.append(f"memory       peak PSS {server['peak_pss_kb'] / 1024:.0f} MB; load {server['peak_load']:.1f}")
    return "\n".join(lines)


def delivery(part):
    failures = "".join(f"; {count} {end}" for end, count in part["failures"].items())
    return (f"{share(part['share'])} delivered ({part['delivered']}/{part['messages']}), "
            f"p50 {seconds(part['p50_s'])}, p99 {seconds(part['p99_s'])}{failures}")


def share(value):
    return "-" if value is None else f"{100 * value:.1f} %"


def seconds(value):
    return "-" if value is None else f"{value:.2f} s"
