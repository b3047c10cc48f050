"""A million lines of a mail host's log read from its file, beside what `rg` takes to find the rejections in it.

Each program runs alone and once for warmth, then in turn, so that what else the machine does falls
on all of them alike. `breakwater parse --count` reads every line into its event; its counts must be
those of what was written. `rg` has one thread, as breakwater has; it counts what looks like a
rejection, the forged ones in a client's command among them.
"""

import json
import os
import shutil
import statistics
import subprocess
import time

import corpus
import load
from bencherror import BenchError

EXPRESSION = (r"courieresmtpd: error,relay=(?:::ffff:)?([0-9A-Fa-f.:]+),port=[0-9]+,"
              r"from=<[^>]*>(?:,to=<[^>]*>)?: 511 ")
GROWTH = (1_000, 10_000, 100_000)
TURNS = 5


def add_options(parser):
    corpus.add_options(parser)


def measure(found, chosen):
    _need_ripgrep(found.tell)
    breakwater = os.path.join(chosen.bin, "breakwater")
    with chosen.directory() as directory:
        settings = os.path.join(directory, "breakwater.toml")
        open(settings, "w").close()
        # That of the host must not decide what is measured.
        breakwater = [breakwater, "--config", settings]
        found.tell(f"parse: writing {chosen.log_lines} lines")
        log = corpus.Corpus(os.path.join(directory, "mail.log"), chosen.log_lines)
        programs = {
            "rg_expression": ["rg", "-j1", "-c", EXPRESSION, log.path],
            "rg_511": ["rg", "-j1", "-cF", "511", log.path],
            "count": [*breakwater, "parse", "--count", log.path],
            "replay": [*breakwater, "replay", log.path],
            "listing": [*breakwater, "parse", log.path],
            "jsonl": [*breakwater, "parse", "--jsonl", log.path],
        }
        _check(breakwater, log)
        runs, busy = load.measured(
            chosen, found.tell, f"parse: {len(programs)} programs in turn, {chosen.runs * TURNS} times the first three",
            lambda: _in_turn(programs, chosen.runs))
        goal = statistics.median(wall for wall, _ in runs["rg_expression"])
        for name, times in runs.items():
            for wall, cpu in times:
                found.add(f"parse.{name}.wall", wall * 1000, "ms", goal * 1000 if name == "count" else None, busy)
                found.add(f"parse.{name}.cpu", cpu * 1000, "ms", load=busy)
        found.add("parse.log", log.size / 1e6, "MB")
        found.add("parse.rejections", log.truth.get("rejection rbl", 0), "")
        found.add("parse.rg_expression.counted", int(subprocess.check_output(programs["rg_expression"])), "")
        os.unlink(log.path)
        for count in GROWTH:
            if count < chosen.log_lines:
                _grow(found, chosen, breakwater, directory, count)


def _in_turn(programs, count):
    runs = {name: [] for name in programs}
    for number in range(count * TURNS):
        for name, arguments in programs.items():
            if number % TURNS == 0 or name in ("rg_expression", "rg_511", "count"):
                runs[name].append(_run(arguments))
    return runs


def _grow(found, chosen, breakwater, directory, count):
    log = corpus.Corpus(os.path.join(directory, f"{count}.log"), count)
    _check(breakwater, log)
    runs, busy = load.measured(
        chosen, found.tell, f"parse: {count} lines, {chosen.runs * TURNS} times",
        lambda: [(_run([*breakwater, "parse", "--count", log.path]), _run([*breakwater, "replay", log.path]))
                 for _ in range(chosen.runs * TURNS)])
    for parsed, replayed in runs:
        found.add(f"parse.{count}_lines.count.wall", parsed[0] * 1000, "ms", load=busy)
        found.add(f"parse.{count}_lines.replay.wall", replayed[0] * 1000, "ms", load=busy)


def _check(breakwater, log):
    """What is counted is what was written; also the run that puts program and log into memory."""
    answer = json.loads(subprocess.check_output([*breakwater, "parse", "--count", "--json", log.path]))
    counted = {row["event"] + (f" {row['class']}" if row["class"] else ""): row["count"] for row in answer["counts"]}
    if answer["lines"] != log.count or counted != log.truth:
        raise BenchError(f"{log.count} lines were written with {log.truth}, read were {answer['lines']} with {counted}")


def _run(arguments):
    """Wall and CPU time of one program, in seconds."""
    begin = time.monotonic()
    child = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.monotonic() - begin
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise BenchError(f"{' '.join(arguments)} ended with {child.returncode}")
    return wall, usage.ru_utime + usage.ru_stime


def _need_ripgrep(tell):
    if shutil.which("rg"):
        return
    tell("installing ripgrep")
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    if subprocess.run(["apt-get", "install", "-y", "-qq", "ripgrep"], env=environment, stdout=subprocess.DEVNULL).returncode:
        raise BenchError("no rg to measure beside; remedy: apt-get update && apt-get install ripgrep")
